using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ResilienceSectionTests
{
    [Fact]
    public void Without_a_word_of_it_the_defaults_hold()
    {
        var resilience = Read("");

        Assert.Equal(CircuitRules.Default, resilience.Circuit);
        Assert.Equal((1, 10), (resilience.Retry.Max, resilience.Retry.BudgetPercent));
        Assert.Empty(resilience.Retry.Statuses);
    }

    [Fact]
    public void Every_key_counts()
    {
        var resilience = Read("""
            resilience:
                  circuit_breaker: {failure_percent: 80, minimum_requests: 7, sampling: 10s, break: 1m}
                  retries: {max: 3, budget_percent: 20, statuses: [502, 503]}
            """);

        Assert.Equal(new CircuitRules(0.8, 7, TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1)), resilience.Circuit);
        Assert.Equal((3, 20), (resilience.Retry.Max, resilience.Retry.BudgetPercent));
        Assert.Equal([502, 503], resilience.Retry.Statuses.ToArray());
    }

    [Fact]
    public void The_circuit_can_be_switched_off() =>
        Assert.Null(Read("resilience: {circuit_breaker: off}").Circuit);

    [Theory]
    [InlineData("resilience: {circuit_breaker: {failure_percent: 0}}", "failure_percent")]
    [InlineData("resilience: {circuit_breaker: {failure_percent: 101}}", "failure_percent")]
    [InlineData("resilience: {circuit_breaker: {minimum_requests: 1}}", "minimum_requests")]
    [InlineData("resilience: {circuit_breaker: {break: 1ms}}", "break")]
    [InlineData("resilience: {retries: {max: 6}}", "max")]
    [InlineData("resilience: {retries: {statuses: [429]}}", "statuses")]
    [InlineData("resilience: {retries: {statuses: [abc]}}", "statuses")]
    [InlineData("resilience: {retry: {max: 1}}", "retry")]
    public void What_makes_no_sense_is_complained_of_by_name(string yaml, string name) =>
        Assert.Contains(name, Assert.Single(Given.Complaints(FileWith(yaml))), StringComparison.Ordinal);

    private static ProviderResilience Read(string yaml) => Given.File(FileWith(yaml)).Providers[0].Resilience;

    private static string FileWith(string yaml) => $"""
        apis:
          a:
            base_url: https://example.com
            allowed_endpoints: [/*]
            allowed_methods: [GET]
            {yaml}
        """;
}
