namespace LlmProxy.Providers;

/// <summary>
/// How many retries are left: a share of the requests, and some in stock, so that a provider that fails altogether is
/// not asked twice as often as one that does not.
/// </summary>
internal sealed class RetryBudget(int percent)
{
    private const int Retry = 100;

    // Ten retries: what a quiet server may do at once.
    private const int StockMax = 10 * Retry;

    // In hundredths of a retry. Touched by request threads through Interlocked only.
    private int _stock = percent == 0 ? 0 : StockMax;

    /// <summary>Another request, which earns its share of a retry.</summary>
    public void Earn()
    {
        var stock = Volatile.Read(ref _stock);
        if (stock < StockMax)
        {
            Interlocked.CompareExchange(ref _stock, Math.Min(StockMax, stock + percent), stock);
        }
    }

    /// <summary>Takes a retry, if there is one.</summary>
    public bool TryTake()
    {
        while (true)
        {
            var stock = Volatile.Read(ref _stock);
            if (stock < Retry)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _stock, stock - Retry, stock) == stock)
            {
                return true;
            }
        }
    }
}
