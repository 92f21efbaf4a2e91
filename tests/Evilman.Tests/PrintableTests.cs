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
}
