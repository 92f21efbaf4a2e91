using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Testing;
using Xunit;

namespace Audit.Tests;

/// <summary>
/// The picture at the head of README.md, which readers see on light and on dark screens: no text lies under a line, over another or beyond its box, each
/// differs from what is behind it as WCAG 2.2 asks (1.4.3 for text, 1.4.11 for lines), and each colour has one for dark screens.
/// </summary>
public sealed partial class PictureTests
{
    private const double LeastOfText = 4.5, LeastOfLines = 3;

    private static readonly XElement s_picture = XDocument.Load(Path.Combine(Repository.Root, "docs/evil-man.svg")).Root!;

    private sealed record Box(double Left, double Top, double Right, double Bottom)
    {
        public bool Holds(double x, double y) => x > Left && x < Right && y > Top && y < Bottom;

        public bool Overlaps(Box other) => Left < other.Right && other.Left < Right && Top < other.Bottom && other.Top < Bottom;

        public bool Encloses(Box other) => Left <= other.Left && Top <= other.Top && Right >= other.Right && Bottom >= other.Bottom;
    }

    /// <summary>A selector's declarations, of the sheet or of its part for dark screens.</summary>
    private sealed record Rule(string Selector, bool IsDark, Dictionary<string, string> Declarations);

    private static readonly Rule[] s_rules = [.. ReadRules()];

    private static IEnumerable<Rule> ReadRules()
    {
        string sheet = s_picture.Elements().Single(element => element.Name.LocalName == "style").Value;
        int dark = sheet.IndexOf("@media (prefers-color-scheme: dark)", StringComparison.Ordinal);
        Assert.True(dark > 0, "there are no colours for dark screens");
        foreach ((string part, bool isDark) in new[] { (sheet[..dark], false), (sheet[(sheet.IndexOf('{', dark) + 1)..], true) })
        {
            foreach (Match rule in RulePattern().Matches(part))
            {
                Dictionary<string, string> declarations = rule.Groups[2].Value.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                    .Select(declaration => declaration.Split(':', 2, StringSplitOptions.TrimEntries)).ToDictionary(pair => pair[0], pair => pair[1]);
                foreach (string selector in rule.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries))
                    yield return new Rule(selector, isDark, declarations);
            }
        }
    }

    /// <summary>What an element has of a property: that of a class stands before that of the element's name, and what comes later before what came before.</summary>
    private static string? Style(XElement element, string property, bool isDark)
    {
        string[] classes = ((string?)element.Attribute("class") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string? byName = null, byClass = null;
        foreach (Rule rule in s_rules.Where(rule => isDark || !rule.IsDark))
        {
            if (!rule.Declarations.TryGetValue(property, out string? value))
                continue;
            if (rule.Selector == element.Name.LocalName)
                byName = value;
            else if (rule.Selector.StartsWith('.') && classes.Contains(rule.Selector[1..]))
                byClass = value;
        }
        return byClass ?? byName ?? (string?)element.Attribute(property);
    }

    private static XElement[] All(string name) => [.. s_picture.Elements().Where(element => element.Name.LocalName == name)];

    private static double Number(XElement element, string attribute) => double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);

    private static Box BoxOf(XElement rectangle) => new(Number(rectangle, "x"), Number(rectangle, "y"),
        Number(rectangle, "x") + Number(rectangle, "width"), Number(rectangle, "y") + Number(rectangle, "height"));

    /// <summary>Where a text may reach, in any of the fonts of its list: 0.56 of its size a character, which the widest of them (Segoe UI, bold) need on the average.</summary>
    private static Box BoxOfText(XElement text)
    {
        string? size = Style(text, "font-size", false);
        string font = s_rules.Single(rule => rule is { Selector: "text", IsDark: false }).Declarations["font"];
        double height = double.Parse((size ?? font.Split(' ')[0]).Replace("px", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        double width = 0.56 * height * text.Value.Length, x = Number(text, "x"), baseline = Number(text, "y");
        double left = (Style(text, "text-anchor", false) ?? "start") switch { "middle" => x - width / 2, "end" => x - width, _ => x };
        return new Box(left, baseline - 0.78 * height, left + width, baseline + 0.22 * height);
    }

    /// <summary>Points along every line, curve and edge, an element's together.</summary>
    private static IEnumerable<(XElement Element, List<(double X, double Y)> Points)> Strokes()
    {
        foreach (XElement line in All("line"))
            yield return (line, [.. Between((Number(line, "x1"), Number(line, "y1")), (Number(line, "x2"), Number(line, "y2")))]);
        foreach (XElement rectangle in All("rect"))
        {
            Box box = BoxOf(rectangle);
            (double, double)[] corners = [(box.Left, box.Top), (box.Right, box.Top), (box.Right, box.Bottom), (box.Left, box.Bottom), (box.Left, box.Top)];
            yield return (rectangle, [.. corners.Zip(corners.Skip(1)).SelectMany(edge => Between(edge.First, edge.Second))]);
        }
        foreach (XElement path in All("path"))
        {
            Match match = CurvePattern().Match(path.Attribute("d")!.Value);
            Assert.True(match.Success, $"{path}: a path of these pictures is one curve, M and C");
            double[] at = [.. match.Groups.Values.Skip(1).Select(group => double.Parse(group.Value, CultureInfo.InvariantCulture))];
            yield return (path, [.. Enumerable.Range(0, 201).Select(i => (Curve(i / 200.0, at[0], at[2], at[4], at[6]), Curve(i / 200.0, at[1], at[3], at[5], at[7])))]);
        }

        static double Curve(double t, double a, double b, double c, double d) =>
            (1 - t) * (1 - t) * (1 - t) * a + 3 * (1 - t) * (1 - t) * t * b + 3 * (1 - t) * t * t * c + t * t * t * d;

        static IEnumerable<(double, double)> Between((double X, double Y) from, (double X, double Y) to) =>
            Enumerable.Range(0, 201).Select(i => (from.X + (to.X - from.X) * i / 200, from.Y + (to.Y - from.Y) * i / 200));
    }

    [Fact]
    public void No_text_lies_under_a_line_over_another_text_or_beyond_its_box()
    {
        double[] view = [.. s_picture.Attribute("viewBox")!.Value.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
        Box all = new(view[0], view[1], view[0] + view[2], view[1] + view[3]);
        (XElement Element, Box Box)[] texts = [.. All("text").Select(text => (text, BoxOfText(text)))];
        var strokes = Strokes().ToList();
        Assert.True(texts.Length > 10 && strokes.Count > 10, "the picture is not read");
        foreach ((XElement text, Box box) in texts)
        {
            Assert.True(all.Encloses(box), $"«{text.Value}» is cut off");
            foreach ((XElement element, List<(double X, double Y)> points) in strokes)
                Assert.False(points.Exists(point => box.Holds(point.X, point.Y)), $"«{text.Value}» lies under {element}");
            foreach ((XElement other, Box its) in texts)
                Assert.True(other == text || !box.Overlaps(its), $"«{text.Value}» lies over «{other.Value}»");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Texts_and_lines_differ_from_what_is_behind_them(bool isDark)
    {
        string screen = Style(s_picture, "background", isDark)!;
        foreach (XElement text in All("text"))
        {
            Box box = BoxOfText(text);
            string behind = Behind(box), color = Style(text, "fill", isDark)!;
            Assert.True(Contrast(color, behind) >= LeastOfText, $"«{text.Value}»: {color} on {behind} is {Contrast(color, behind):0.0}");
        }
        foreach (XElement line in All("line").Concat(All("path")))
        {
            string color = Style(line, "stroke", isDark)!;
            foreach ((double x, double y) in Strokes().Single(stroke => stroke.Element == line).Points)
            {
                string behind = Behind(new Box(x, y, x, y));
                Assert.True(Contrast(color, behind) >= LeastOfLines, $"{line}: {color} on {behind} is {Contrast(color, behind):0.0} at {x:0}, {y:0}");
            }
        }
        // The head of an arrow has the colour of its line.
        XElement arrow = s_picture.Descendants().Single(element => element.Name.LocalName == "marker").Elements().Single();
        Assert.Equal(Style(All("path").Single(path => path.Attribute("marker-end") != null), "stroke", isDark), Style(arrow, "fill", isDark));

        // The fill of the last rectangle that holds it, the screen where none does.
        string Behind(Box box)
        {
            string color = screen;
            foreach (XElement rectangle in All("rect").Where(rectangle => BoxOf(rectangle).Encloses(box)))
                color = Style(rectangle, "fill", isDark) is { } fill && fill != "none" ? fill : color;
            return color;
        }
    }

    [Fact]
    public void Each_colour_has_one_for_dark_screens()
    {
        foreach (Rule rule in s_rules.Where(rule => !rule.IsDark))
        {
            foreach ((string property, string value) in rule.Declarations.Where(declaration => declaration.Value.StartsWith('#')))
                Assert.True(s_rules.Any(other => other.IsDark && other.Selector == rule.Selector && other.Declarations.ContainsKey(property)), $"{rule.Selector} has {property} {value} on dark screens, too");
        }
        // None stands where the sheet does not reach it.
        Assert.DoesNotContain(s_picture.Descendants().Attributes(), attribute => attribute.Value.StartsWith('#'));
    }

    /// <summary>What it says is what the tree says: every name in it that is one of a program is one.</summary>
    [Fact]
    public void The_programs_that_it_names_are_there()
    {
        string said = string.Join('\n', All("text").Select(text => text.Value));
        Assert.All(new[] { "packetd", "cstrap" }, name =>
        {
            Assert.Contains(name, said, StringComparison.Ordinal);
            Assert.True(Directory.Exists(Path.Combine(Repository.Root, name)), name);
        });
        Assert.Contains("](docs/evil-man.svg)", File.ReadAllText(Path.Combine(Repository.Root, "README.md")), StringComparison.Ordinal);
    }

    /// <summary>WCAG 2.2, "contrast ratio": from 1 to 21.</summary>
    private static double Contrast(string one, string other)
    {
        double[] luminances = [.. new[] { one, other }.Select(Luminance).Order()];
        return (luminances[1] + 0.05) / (luminances[0] + 0.05);
    }

    /// <summary>WCAG 2.2, "relative luminance", of #rrggbb.</summary>
    private static double Luminance(string color)
    {
        Assert.Matches("^#[0-9a-f]{6}$", color);
        double[] parts = [.. Enumerable.Range(0, 3).Select(i => Convert.ToInt32(color.Substring(1 + 2 * i, 2), 16) / 255.0)
            .Select(part => part <= 0.04045 ? part / 12.92 : Math.Pow((part + 0.055) / 1.055, 2.4))];
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    }

    [GeneratedRegex(@"([^{}@]+?)\s*\{([^{}]*)\}")]
    private static partial Regex RulePattern();

    [GeneratedRegex(@"^M([\d.]+) ([\d.]+) ?C([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)$")]
    private static partial Regex CurvePattern();
}
