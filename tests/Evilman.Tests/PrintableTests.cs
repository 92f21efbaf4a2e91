using Evilman.Text;
using Xunit;

namespace Evilman.Tests;

public sealed class PrintableTests
{
    [Theory]
    [InlineData("the guest moves", "the guest moves")]
    [InlineData("größer — 10 µs «x» 漢字", "größer — 10 µs «x» 漢字")]
    [InlineData("", "")]
    [InlineData("\e]0;title\a\e[2J$ ", "?]0;title??[2J$ ")] // ECMA-48: OSC, BEL, CSI
    [InlineData("a\u009b31mb\u007f", "a?31mb?")] // the C1 control CSI, DEL
    [InlineData("one\ntwo\rthree\t", "one?two?three?")]
    [InlineData("\u202egnp.exe\u2028", "?gnp.exe?")] // right-to-left override, line separator
    [InlineData("🚀 \U000e0041", "🚀 ?")] // a tag character
    public void Text_of_others_does_not_steer_a_terminal(string text, string shown) => Assert.Equal(shown, Printable.Of(text));

    [Fact]
    public void Lines_stay_where_a_text_may_have_some() => Assert.Equal("one\ntwo?", Printable.Of("one\ntwo\r", keepLines: true));

    /// <summary>No line is wider, nothing is lost, and words stay whole.</summary>
    [Fact]
    public void Sentences_break_between_words_at_the_terminals_width()
    {
        const string Text = "evilman: the guest at 10.0.0.50 does not answer on port 1708: Connection refused; it may have ended\n  a second line, indented";
        Assert.Equal(Text, Wrapped.To(Text, 200));
        for (var columns = 20; columns < 100; columns++)
        {
            var lines = Wrapped.To(Text, columns).Split('\n');
            Assert.All(lines, line => Assert.InRange(line.Length, 1, columns));
            Assert.Equal(Text.Split((char[])[' ', '\n'], System.StringSplitOptions.RemoveEmptyEntries),
                string.Join(' ', lines).Split(' ', System.StringSplitOptions.RemoveEmptyEntries));
        }
        Assert.Equal("evilman: a\n  bbbbbbbbbbbbbbbbbbbbbbbbb\n  c", Wrapped.To("evilman: a bbbbbbbbbbbbbbbbbbbbbbbbb c", 20));
        Assert.Equal("", Wrapped.To("", 1));
    }
}
