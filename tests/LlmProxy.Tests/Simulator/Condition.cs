using Xunit;

namespace LlmProxy.Tests.Simulator;

/// <summary>Waits for what another thread is about to do, by looking again and again.</summary>
internal static class Condition
{
    public static async Task HoldsAsync(Func<bool> condition)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromSeconds(10), "It never happened.");
            await Task.Yield();
        }
    }
}
