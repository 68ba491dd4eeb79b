using System.Globalization;
using LlmProxy.Http;

namespace LlmProxy.Limits;

/// <summary>
/// Refusals that say which limit, its value, what was used, and when it resets. <c>param</c> names the limit as the
/// management API does, with its owner before it: <c>token.requests_per_minute</c>.
/// </summary>
internal static class LimitRefusals
{
    // Reserved is not spent: what a running request does not use comes back when it ends.
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);

    /// <summary>The client's address, or the whole process, has no request of the minute left.</summary>
    public static Refusal For(in AddressTake take) => take.Exhausted == take.OfAll
        ? Rate("global.requests_per_minute", "proxy", take.Exhausted!, 1, Unit.Requests, take.Wait)
        : Rate("address.requests_per_minute", "client's address", take.Exhausted!, 1, Unit.Requests, take.Wait);

    public static Refusal RequestsPerMinute(AccountKind kind, RateWindow window, TimeSpan wait) =>
        Rate($"{NameOf(kind)}.requests_per_minute", NameOf(kind), window, 1, Unit.Requests, wait);

    public static Refusal TokensPerMinute(AccountKind kind, RateWindow window, long tokens, TimeSpan wait) =>
        Rate($"{NameOf(kind)}.tokens_per_minute", NameOf(kind), window, tokens, Unit.Tokens, wait);

    public static Refusal Concurrent(AccountKind kind, long max) => Refusal.RateLimited with
    {
        Type = "requests",
        Param = $"{NameOf(kind)}.max_concurrent",
        RetryAfter = SoonAgain,
        Message = Text($"The {NameOf(kind)} may have {Show(Unit.Requests, max)} running at a time, and that many are. ")
            + "Wait for one to end.",
    };

    /// <summary>Too little is left for good, or is only reserved by requests that are still running.</summary>
    public static Refusal Spent(Account account, Lease lease, long amount)
    {
        var reserved = account.ReservedOf(lease.Unit);
        var used = Math.Max(0, lease.Max - lease.Remaining - reserved);
        var name = NameOf(account.Id.Kind);
        var limit = $"{name}.{lease.Unit switch
        {
            Unit.Requests => "max_requests",
            Unit.Tokens => "max_tokens",
            _ => "max_cost_usd",
        }}";
        var needs = lease.Unit == Unit.Requests
            ? string.Empty
            : $" This request may need {Show(lease.Unit, amount)}, its longest answer included.";
        if (reserved > 0 && amount <= lease.Remaining + reserved)
        {
            return Refusal.RateLimited with
            {
                Type = lease.Unit == Unit.Tokens ? "tokens" : "requests",
                Param = limit,
                RetryAfter = SoonAgain,
                Message = $"The {name} has a limit of {Show(lease.Unit, lease.Max)}: {Show(lease.Unit, used)} used, "
                    + $"{Show(lease.Unit, reserved)} reserved by running requests.{needs} Wait for one to end.",
            };
        }

        return Refusal.AllowanceSpent with
        {
            Param = limit,
            Message = $"The {name} has a limit of {Show(lease.Unit, lease.Max)}: {Show(lease.Unit, used)} used."
                + $"{needs} It does not reset.",
        };
    }

    /// <summary>An amount with its unit: <c>100 requests</c>, <c>$0.25</c>.</summary>
    public static string Show(Unit unit, long amount) => unit switch
    {
        Unit.Requests => Text($"{amount} request{(amount == 1 ? "" : "s")}"),
        Unit.Tokens => Text($"{amount} token{(amount == 1 ? "" : "s")}"),
        _ => "$" + UsDollars.Show(amount),
    };

    public static string NameOf(AccountKind kind) => kind == AccountKind.Token ? "token" : "project";

    private static Refusal Rate(string param, string name, RateWindow window, long units, Unit unit, TimeSpan wait)
    {
        var (type, limit) = (unit == Unit.Requests ? "requests" : "tokens", Show(unit, window.PerMinute));
        if (wait == Timeout.InfiniteTimeSpan)
        {
            return Refusal.RateLimited with
            {
                Type = type,
                Param = param,
                ForGood = true,
                RetryAfter = null,
                Message = Text($"The {name} may use {limit} a minute, ")
                    + Text($"and this request alone may need {units}."),
            };
        }

        var used = window.PerMinute - window.Remaining;
        return Refusal.RateLimited with
        {
            Type = type,
            Param = param,
            RetryAfter = wait,
            Message = Text($"The {name} may use {limit} a minute: {used} used, {units} needed. ")
                + Text($"Try again in {wait.TotalSeconds:0.000} s; ")
                + Text($"all are there again in {window.FullIn.TotalSeconds:0.0} s."),
        };
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
