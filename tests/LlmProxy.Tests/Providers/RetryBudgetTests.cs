using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class RetryBudgetTests
{
    [Theory]
    [InlineData(0, 1_000, 0)]
    [InlineData(10, 0, 10)]
    [InlineData(10, 1_000, 110)]
    [InlineData(100, 100, 110)]
    public void Allows_its_stock_and_its_share_of_the_requests(int percent, int requests, int retries)
    {
        var budget = new RetryBudget(percent);
        var taken = 0;
        while (budget.TryTake())
        {
            taken++;
        }

        for (var i = 0; i < requests; i++)
        {
            budget.Earn();
            taken += budget.TryTake() ? 1 : 0;
        }

        Assert.Equal(retries, taken);
    }

    [Fact]
    public void What_is_not_used_is_not_saved_up_for_ever()
    {
        var budget = new RetryBudget(10);
        for (var i = 0; i < 100_000; i++)
        {
            budget.Earn();
        }

        Assert.Equal(10, Enumerable.Range(0, 100).Count(_ => budget.TryTake()));
    }

    [Fact]
    public void Many_threads_take_no_more_than_there_is()
    {
        var budget = new RetryBudget(10);

        Assert.Equal(10, ParallelEnumerable.Range(0, 10_000).Count(_ => budget.TryTake()));
    }
}
