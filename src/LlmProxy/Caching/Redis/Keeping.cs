namespace LlmProxy.Caching.Redis;

/// <summary>For how long an answer is worth keeping.</summary>
internal static class Keeping
{
    public static readonly TimeSpan Max = TimeSpan.FromDays(7);

    /// <summary>How long a stale answer may stand in for an error when it says nothing about that.</summary>
    private static readonly TimeSpan OnError = TimeSpan.FromHours(1);

    /// <summary>How long a stale answer is kept because validating it is cheaper than fetching it anew.</summary>
    private static readonly TimeSpan ForValidation = TimeSpan.FromDays(1);

    /// <summary>Zero when it is of no use any more.</summary>
    public static TimeSpan TimeOf(StoredResponse response, long now)
    {
        var onError = response.StaleIfError ?? (long)OnError.TotalMilliseconds;
        var stale = response.MustNotBeStale ? 0 : Math.Max(response.StaleWhileRevalidate, onError);
        var forValidation = response.CanBeValidated ? (long)ForValidation.TotalMilliseconds : 0;

        // Each is bounded, so that no sum overflows.
        var max = (long)Max.TotalMilliseconds;
        var fresh = Math.Clamp(response.FreshFor(now), -max, max);
        var beyond = Math.Clamp(Math.Max(stale, forValidation), 0, max);
        return TimeSpan.FromMilliseconds(Math.Clamp(fresh + beyond, 0, max));
    }
}
