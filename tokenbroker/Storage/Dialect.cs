namespace Tokenbroker.Storage;

/// <summary>
/// What the two databases call differently. Statements of the schema are written once, with {int}, {bytes} and {strict}
/// for types;
/// triggers are written as conditions under which a row is refused.
/// </summary>
internal abstract class Dialect
{
    internal static Dialect Sqlite { get; } = new SqliteDialect();

    internal static Dialect Postgres { get; } = new PostgresDialect();

    internal abstract string Of(string statement);

    /// <summary>Refuses every change of rows that are there.</summary>
    internal abstract string AppendOnly(string table);

    /// <summary>
    /// Refuses to insert or update a row of which one of the conditions holds; NEW and OLD are the row.
    /// </summary>
    /// <param name="moment">INSERT or UPDATE.</param>
    /// <param name="refusals">A sentence and the condition under which it is said.</param>
    internal abstract string Guard(string table, string moment, params (string Sentence, string When)[] refusals);

    /// <summary>The same in place of a guard that is there.</summary>
    internal abstract string GuardAnew(string table, string moment, params (string Sentence, string When)[] refusals);

    /// <summary>Does something after each row that is inserted.</summary>
    internal abstract string After(string table, string statement);

    /// <summary>Removes what one of these has made, of that name, where it is there.</summary>
    internal abstract string Without(string trigger);

    /// <summary>
    /// In PostgreSQL's words, in place of a guard that is there: refuses a statement, whatever rows it inserts or
    /// updates, when one of the conditions holds of one of them.
    /// </summary>
    /// <param name="rows">Which the conditions name: of "fresh", the rows as they are now, and for an update "former", as
    /// they were.</param>
    /// <param name="then">Done where nothing is refused; may be empty.</param>
    internal static string GuardTogether(string table, string moment, string rows, string then,
        params (string Sentence, string When)[] refusals)
    {
        string trigger = $"{table}_guard_{moment}";
        string body = "";
        foreach ((string sentence, string when) in refusals)
            body += $"  IF EXISTS (SELECT 1 FROM {rows} WHERE {when}) THEN RAISE EXCEPTION '{Quoted(sentence)}'; END IF;\n";
        string names = moment == "UPDATE" ? "OLD TABLE AS former NEW TABLE AS fresh" : "NEW TABLE AS fresh";
        // Plans are kept for as long as a session lasts, and made when the tables may be all but empty; so whole tables
        // are never read, however few rows there are.
        return $"DROP FUNCTION {trigger}() CASCADE;\n"
            + $"CREATE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$ BEGIN\n"
            + $"{body}  {then}\n  RETURN NULL; END $$;\n"
            + $"CREATE TRIGGER {trigger} AFTER {moment} ON {table} REFERENCING {names} FOR EACH STATEMENT EXECUTE FUNCTION "
            + $"{trigger}();";
    }

    private static string Quoted(string sentence) => sentence.Replace("'", "''");

    private sealed class SqliteDialect : Dialect
    {
        internal override string Of(string statement) =>
            statement.Replace("{int}", "INTEGER").Replace("{bytes}", "BLOB").Replace("{strict}", "STRICT");

        internal override string AppendOnly(string table) =>
            $"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{table} is "
            + $"append-only'); END;\n"
            + $"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{table} is "
            + $"append-only'); END;";

        internal override string Guard(string table, string moment, params (string Sentence, string When)[] refusals)
        {
            string body = "";
            foreach ((string sentence, string when) in refusals)
                body += $"  SELECT RAISE(ABORT, '{Quoted(sentence)}') WHERE {when};\n";
            return $"CREATE TRIGGER {table}_guard_{moment} BEFORE {moment} ON {table} BEGIN\n{body}END;";
        }

        internal override string GuardAnew(string table, string moment,
            params (string Sentence, string When)[] refusals) =>
            $"DROP TRIGGER {table}_guard_{moment};\n" + Guard(table, moment, refusals);

        internal override string After(string table, string statement) =>
            $"CREATE TRIGGER {table}_after AFTER INSERT ON {table} BEGIN {statement}; END;";

        internal override string Without(string trigger) => $"DROP TRIGGER IF EXISTS {trigger}";
    }

    private sealed class PostgresDialect : Dialect
    {
        internal override string Of(string statement) =>
            statement.Replace("{int}", "BIGINT").Replace("{bytes}", "BYTEA").Replace("{strict}", "");

        internal override string AppendOnly(string table) =>
            $"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{table} "
            + $"is append-only'; END $$;\n"
            + $"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION "
            + $"{table}_refuse();\n"
            + $"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION "
            + $"{table}_refuse();";

        internal override string GuardAnew(string table, string moment,
            params (string Sentence, string When)[] refusals)
        {
            string body = "";
            foreach ((string sentence, string when) in refusals)
                body += $"  IF {when} THEN RAISE EXCEPTION '{Quoted(sentence)}'; END IF;\n";
            return $"CREATE OR REPLACE FUNCTION {table}_guard_{moment}() RETURNS trigger LANGUAGE plpgsql AS $$ "
                + $"BEGIN\n{body}  RETURN NEW; END $$;";
        }

        internal override string Guard(string table, string moment, params (string Sentence, string When)[] refusals)
        {
            return GuardAnew(table, moment, refusals) + "\n"
                + $"CREATE TRIGGER {table}_guard_{moment} BEFORE {moment} ON {table} FOR EACH ROW EXECUTE FUNCTION "
                + $"{table}_guard_{moment}();";
        }

        internal override string After(string table, string statement) =>
            $"CREATE FUNCTION {table}_after() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement}; RETURN "
            + $"NEW; END $$;\n"
            + $"CREATE TRIGGER {table}_after AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_after();";

        internal override string Without(string trigger) => $"DROP FUNCTION IF EXISTS {trigger}() CASCADE";
    }
}
