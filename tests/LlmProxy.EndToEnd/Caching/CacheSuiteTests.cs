namespace LlmProxy.EndToEnd.Caching;

/// <summary>
/// How good a cache the proxy is, by the suite that all of them are measured with. Traffic Server passes 132 of the
/// required tests, Varnish 119, nginx 99.
/// </summary>
public sealed class CacheSuiteTests(CacheSuite suite) : IClassFixture<CacheSuite>
{
    // Of the 370 tests of its newest source, those that only a browser's cache can be asked are left out. 160 are
    // required.
    private const int Tests = 365;

    [Fact]
    public void Was_asked_every_test_of_the_suite_once()
    {
        var unclear = suite.Results.Where(static result => result.Verdict is "untested" or "harness_fail" or "retry");

        Assert.Equal(Tests, suite.Results.DistinctBy(static result => result.Id, StringComparer.Ordinal).Count());
        Assert.Empty(unclear);
    }

    [Fact]
    public void Fails_no_required_test()
    {
        var failed = suite.Those("required", "fail").Select(static result => $"{result.Id}: {result.Message}").ToList();

        Assert.True(failed.Count == 0, string.Join('\n', failed));
    }

    [Fact]
    public void Passes_more_than_150_of_the_required_tests()
    {
        var passed = suite.Those("required", "pass").Count;

        Assert.True(passed > 150, $"It passes {passed} required tests.");
    }

    [Fact]
    public void Passes_more_than_70_of_the_optimal_tests()
    {
        var passed = suite.Those("optimal", "pass").Count;

        Assert.True(passed > 70, $"It passes {passed} optimal tests.");
    }
}
