using LlmProxy.Http;

namespace LlmProxy.Limits;

/// <summary>
/// What one request holds of one account: a place among the running, one request, and the worst case of what it may
/// use. Each part remembers where it was taken from, because the limits may change before it is given back. For one
/// thread at a time, in the order of its members; it ends with <see cref="Settle(long, long)"/> or
/// <see cref="Release"/>.
/// </summary>
/// <param name="account">Whose.</param>
/// <param name="isTrial">Nobody uses the token: somebody wants to know what would happen.</param>
internal sealed class Hold(Account account, bool isTrial)
{
    private bool _isRunning;
    private bool _isCounted;
    private bool _isUnsure;
    private RateWindow? _requestWindow;
    private long _enteredAt;
    private RateWindow? _tokenWindow;
    private long _tokensOfWindow;
    private Lease? _requests;
    private Lease? _tokens;
    private Lease? _cost;
    private long _tokensReserved;
    private long _costReserved;

    public Account Account => account;

    /// <summary>Takes a place among the running requests and one request of the minute; null when it did.</summary>
    public Refusal? TryEnter()
    {
        account.Hold(isTrial);
        var terms = account.Terms;

        // A trial takes no place, or a real request beside it might find none.
        _isRunning = !isTrial;
        if ((isTrial ? account.Running + 1 : account.Enter()) > terms.Limits.MaxConcurrent)
        {
            return LimitRefusals.Concurrent(account.Id.Kind, terms.Limits.MaxConcurrent.Value);
        }

        if (terms.RequestsPerMinute is { } window)
        {
            _enteredAt = window.Now;
            if (!window.TryTake(1, out var wait))
            {
                return LimitRefusals.RequestsPerMinute(account.Id.Kind, window, wait);
            }

            _requestWindow = window;
        }

        return null;
    }

    /// <summary>Takes one of the requests that there are for good.</summary>
    public async ValueTask<Refusal?> TakeRequestAsync(CancellationToken aborted)
    {
        var (lease, refusal) = await TakeAsync(Unit.Requests, 1, aborted);
        if (refusal is not null)
        {
            return refusal;
        }

        (_requests, _isCounted, _isUnsure) = (lease, true, true);
        account.Reserve(Unit.Requests, 1);
        if (lease is null)
        {
            account.Owe(Unit.Requests, 1);
        }

        return null;
    }

    /// <summary>
    /// Reserves tokens and money; when it refuses, <see cref="Unreserve"/> gives back what was taken.
    /// </summary>
    public async ValueTask<Refusal?> ReserveAsync(Demand demand, CancellationToken aborted)
    {
        if (account.Terms.TokensPerMinute is { } window)
        {
            if (!window.TryReserve(demand.Tokens, out var wait))
            {
                return LimitRefusals.TokensPerMinute(account.Id.Kind, window, demand.Tokens, wait);
            }

            (_tokenWindow, _tokensOfWindow) = (window, demand.Tokens);
        }

        var (tokens, refusal) = await TakeAsync(Unit.Tokens, demand.Tokens, aborted);
        if (tokens is not null)
        {
            (_tokens, _tokensReserved) = (tokens, demand.Tokens);
            account.Reserve(Unit.Tokens, demand.Tokens);
        }

        if (refusal is null)
        {
            (var cost, refusal) = await TakeAsync(Unit.Cost, demand.Cost, aborted);
            if (cost is not null)
            {
                (_cost, _costReserved) = (cost, demand.Cost);
                account.Reserve(Unit.Cost, demand.Cost);
            }
        }

        return refusal;
    }

    /// <summary>Gives tokens and money back; the request itself stays reserved.</summary>
    public void Unreserve() => SettlePart(0, 0);

    /// <summary>Nothing refuses the request any more: it is used, and not only reserved.</summary>
    public void Commit()
    {
        if (_isUnsure)
        {
            _isUnsure = false;
            account.Reserve(Unit.Requests, -1);
        }
    }

    /// <summary>The request does not run any more. What it used may still have to be counted.</summary>
    public void Leave()
    {
        if (_isRunning)
        {
            _isRunning = false;
            account.Leave();
        }
    }

    /// <summary>What it used is known: what was reserved beyond it is given back.</summary>
    /// <param name="tokens">Prompt and completion together.</param>
    /// <param name="cost">Micro-dollars.</param>
    public void Settle(long tokens, long cost)
    {
        Commit();
        SettlePart(tokens, cost);
        account.LetGo();
    }

    /// <summary>It never left for the provider: everything is given back.</summary>
    public void Release()
    {
        Leave();
        Commit();
        SettlePart(0, 0);
        _requestWindow?.GiveBack(1, _enteredAt);
        if (_requests is { } lease)
        {
            lease.PutBack(1);
        }
        else if (_isCounted)
        {
            account.Owe(Unit.Requests, -1);
        }

        account.LetGo();
    }

    /// <summary>From the lease of the limit in force, which is answered; null when there is no limit.</summary>
    private async ValueTask<(Lease? Lease, Refusal? Refusal)> TakeAsync(
        Unit unit, long amount, CancellationToken aborted)
    {
        while (account.Terms.LeaseOf(unit) is { } lease)
        {
            switch (await lease.TakeAsync(amount, aborted))
            {
                case Taking.Taken:
                    return (lease, null);
                case Taking.TooLittle:
                    return (null, LimitRefusals.Spent(account, lease, amount));
                case Taking.NoStore:
                    return (null, Refusal.StoreUnavailable);
                default:
                    // Other limits are in force by now.
                    continue;
            }
        }

        return (null, null);
    }

    /// <summary>So much was used of what is reserved, which is given up; the request goes on.</summary>
    public void SettlePart(long tokens, long cost)
    {
        if (_tokenWindow is { } window)
        {
            window.Settle(_tokensOfWindow, tokens);
        }
        else
        {
            account.Terms.TokensPerMinute?.Correct(tokens);
        }

        Settle(Unit.Tokens, _tokens, _tokensReserved, tokens);
        Settle(Unit.Cost, _cost, _costReserved, cost);
        (_tokenWindow, _tokensOfWindow, _tokens, _tokensReserved, _cost, _costReserved) = (null, 0, null, 0, null, 0);
    }

    private void Settle(Unit unit, Lease? lease, long reserved, long used)
    {
        if (lease is null)
        {
            account.Owe(unit, used);
            return;
        }

        account.Reserve(unit, -reserved);
        if (used <= reserved)
        {
            lease.PutBack(reserved - used);
        }
        else if (used - reserved - lease.TakeUpTo(used - reserved) is > 0 and var over)
        {
            account.Overrun(unit, over);
        }
    }
}
