create table word (line integer, place integer, text varchar, primary key (line, place));
create index by_text on word (text);
begin;
