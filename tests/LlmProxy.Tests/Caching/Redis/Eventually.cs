using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

/// <summary>Looks again and again for what another process is about to do.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Max = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    public static Task HoldsAsync(Func<bool> condition) => HoldsAsync(() => Task.FromResult(condition()));

    public static async Task HoldsAsync(Func<Task<bool>> condition)
    {
        using var timer = new PeriodicTimer(Pause);
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Max, "It never happened.");
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }
}
