using System.Diagnostics;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>
/// The one place where a test waits for something that gives no signal of its own. Every wait has a limit.
/// </summary>
internal static class Eventually
{
    /// <summary>Longer than anything healthy takes on a busy machine, shorter than a person's patience.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(5);

    /// <summary>Waits until the condition holds; <paramref name="what"/> completes "… did not happen".</summary>
    public static async Task HoldsAsync(Func<bool> condition, string what, TimeSpan? within = null)
    {
        using var timer = new PeriodicTimer(Pace);
        var started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started) > (within ?? Patience))
            {
                throw new TimeoutException($"Within {within ?? Patience}, this did not happen: {what}.");
            }

            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Asks again and again until the condition holds for the answer, which is handed back.</summary>
    public static async Task<T> AnswersAsync<T>(
        Func<Task<T>> ask, Func<T, bool> condition, string what, TimeSpan? within = null)
    {
        using var timer = new PeriodicTimer(Pace);
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (condition(answer))
            {
                return answer;
            }

            if (Stopwatch.GetElapsedTime(started) > (within ?? Patience))
            {
                throw new TimeoutException(
                    $"Within {within ?? Patience}, this did not happen: {what}. Last: {answer}");
            }

            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }
}
