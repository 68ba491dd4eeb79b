using LlmProxy.Http;

namespace LlmProxy.Proxying;

/// <summary>
/// How many proxied requests run at once, in the whole process. No one waits: there is a place or there is none.
/// </summary>
internal sealed class ConcurrencyLimit(FrontOptions options)
{
    private readonly int _max = options.ConcurrentRequestsMax;
    private int _running;

    public Place TryEnter()
    {
        if (Interlocked.Increment(ref _running) <= _max)
        {
            return new Place(this);
        }

        Interlocked.Decrement(ref _running);
        return default;
    }

    /// <summary>A place taken, or not; given back on disposal.</summary>
    public readonly struct Place(ConcurrencyLimit limit) : IDisposable
    {
        public bool IsTaken => limit is not null;

        public void Dispose()
        {
            if (limit is not null)
            {
                Interlocked.Decrement(ref limit._running);
            }
        }
    }
}
