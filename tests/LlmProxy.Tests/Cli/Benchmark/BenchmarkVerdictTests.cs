using LlmProxy.Cli;
using LlmProxy.Cli.Benchmark;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

public sealed class BenchmarkVerdictTests
{
    private readonly Tally _tally = new(new FakeTimeProvider());

    [Theory]
    [InlineData(10, 0, 0, ExitCode.Ok)]
    [InlineData(99, 1, 0, ExitCode.Refused)]
    [InlineData(99, 1, 1, ExitCode.Ok)]
    [InlineData(98, 2, 1, ExitCode.Refused)]
    [InlineData(29_999, 1, 0.003, ExitCode.Refused)]
    [InlineData(0, 5, 100, ExitCode.Ok)]
    [InlineData(0, 0, 0, ExitCode.Ok)]
    public void As_many_may_fail_as_were_allowed(int succeeded, int failed, double percentMax, int exitCode)
    {
        Add(succeeded, 200, null);
        Add(failed, 429, FailureKind.Http4xx);

        Assert.Equal(exitCode, ExitCodeOf(percentMax));
    }

    [Theory]
    [InlineData(0, nameof(FailureKind.Connect), ExitCode.Network)]
    [InlineData(0, nameof(FailureKind.Timeout), ExitCode.Network)]
    [InlineData(0, nameof(FailureKind.Reset), ExitCode.Network)]
    [InlineData(503, nameof(FailureKind.Http5xx), ExitCode.Network)]
    [InlineData(401, nameof(FailureKind.Http4xx), ExitCode.Authentication)]
    [InlineData(429, nameof(FailureKind.Http4xx), ExitCode.Refused)]
    [InlineData(200, nameof(FailureKind.Truncated), ExitCode.Refused)]
    public void When_none_got_through_the_code_says_why(int status, string kind, int exitCode)
    {
        Add(3, status, Enum.Parse<FailureKind>(kind));

        Assert.Equal(exitCode, ExitCodeOf(0));
    }

    [Fact]
    public void One_that_got_through_makes_it_a_matter_of_failures()
    {
        Add(1, 200, null);
        Add(9, 0, FailureKind.Connect);

        Assert.Equal(ExitCode.Refused, ExitCodeOf(0));
    }

    [Fact]
    public void What_was_broken_off_is_neither_good_nor_bad()
    {
        Add(9, 0, FailureKind.Connect);

        Assert.Equal(ExitCode.Interrupted, BenchmarkVerdict.ExitCodeOf(Report(isInterrupted: true), 0));
    }

    private void Add(int count, int status, FailureKind? kind)
    {
        for (var i = 0; i < count; i++)
        {
            _tally.Add(0, new Answer { SentAt = 0, Status = status, Failure = kind });
        }
    }

    private int ExitCodeOf(double percentMax) =>
        BenchmarkVerdict.ExitCodeOf(Report(isInterrupted: false), percentMax);

    private BenchmarkReport Report(bool isInterrupted) => _tally.Report(
        new BenchmarkRequest(HttpMethod.Get, new Uri("http://h/"), null, streams: false),
        new LoadShape(1, null, 1, null, TimeSpan.FromSeconds(1)), TimeSpan.FromSeconds(1), isInterrupted);
}
