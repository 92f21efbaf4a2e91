using System;
using Evilman.Home;
using Xunit;

namespace Evilman.Tests;

public sealed class HomeJobTests
{
    const string Whole = """
        [jobs.render]            # every night
        counter = "http://192.0.2.140/progress?of=1"
        tokens = 5
        low = 60
        stall = 300
        budget = 100_000
        deadline = "2027-01-31T12:00:00Z"
        """;

    [Fact]
    public void A_job_is_what_its_table_says()
    {
        var job = Assert.Single(HomeJob.Parse(Whole, "home.toml"));
        Assert.Equal(("render", Watch.Counter, "192.0.2.140:80", "/progress?of=1", 5, 60L, 300L),
            (job.Name, job.Watch, $"{job.Where}", job.Path, job.Tokens, job.Low, job.Stall));
        Assert.Equal((100_000L, DateTimeOffset.Parse("2027-01-31T12:00:00Z").ToUnixTimeSeconds()),
            (job.Budget!.Value, job.Deadline!.Value));
    }

    [Theory]
    [InlineData("counter = \"http://192.0.2.140/progress?of=1\"", "", "one of url, tcp and counter")]
    [InlineData("counter", "url = \"http://192.0.2.1/\"\ncounter", "one of url, tcp and counter")]
    [InlineData("http://192.0.2.140", "http://example.org", "«counter»")]
    [InlineData("http://192.0.2.140", "https://192.0.2.140", "«counter»")]
    [InlineData("counter = \"http://192.0.2.140/progress?of=1\"", "tcp = \"192.0.2.140\"", "«tcp»")]
    [InlineData("tokens = 5", "", "«tokens» of [jobs.render] is missing")]
    [InlineData("tokens = 5", "tokens = 0", "«tokens» of [jobs.render] is a whole number from 1")]
    [InlineData("low = 60", "low = \"60\"", "«low»")]
    [InlineData("stall = 300", "", "«stall» of [jobs.render] is missing")]
    [InlineData("2027-01-31T12:00:00Z", "tomorrow", "«deadline»")]
    [InlineData("budget", "bugdet", "«bugdet» of [jobs.render] is not known")]
    [InlineData("[jobs.render]", "[job.render]", "is not a table like [jobs.NAME]")]
    [InlineData("[jobs.render]", "[jobs.\"../x\"]", "is not a table like [jobs.NAME]")]
    public void What_is_wrong_is_said_with_its_place(string from, string to, string said) =>
        Assert.Contains(said, Assert.Throws<Failure>(() => HomeJob.Parse(Whole.Replace(from, to), "home.toml")).Message,
            StringComparison.Ordinal);
}
