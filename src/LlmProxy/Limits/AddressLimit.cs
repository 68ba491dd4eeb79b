using System.Net;
using System.Runtime.InteropServices;
using LlmProxy.Http;

namespace LlmProxy.Limits;

/// <summary>
/// So many requests a minute from each client address, and so many of all together. Memory is bounded: windows that
/// are at rest are forgotten, and when too many are not, strangers share one window.
/// </summary>
internal sealed class AddressLimit(LimitsOptions options, TimeProvider clock)
{
    /// <summary>Bounds the memory that a caller with many addresses can take: about 14 MB.</summary>
    public const int AddressesMax = 100_000;

    // Looked at for each stranger, to be forgotten; bounds the work that a flood of them makes.
    private const int LookedAtMax = 8;

    private readonly RateWindow? _all = WindowOf(options.RequestsOfAll, clock);
    private readonly RateWindow? _strangers = WindowOf(options.RequestsPerAddress, clock);

    // Guards what follows, and that no window is taken from while it is being forgotten.
    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, RateWindow> _windows = [];

    // Every address that has a window, once; those that were looked at go to its end.
    private readonly Queue<UInt128> _lookAtNext = [];

    /// <summary>The window of the whole process; null without such a limit.</summary>
    public RateWindow? OfAll => _all;

    /// <summary>How many addresses have a window.</summary>
    public int Known
    {
        get
        {
            lock (_lock)
            {
                return _windows.Count;
            }
        }
    }

    /// <summary>
    /// Takes one request, or says which window has none left. What one address may not send is not taken from all.
    /// </summary>
    /// <param name="client">Strangers without an address count as one.</param>
    public AddressTake Take(IPAddress? client)
    {
        var at = clock.GetTimestamp();
        RateWindow? own = null;
        if (_strangers is not null && !TryTakeOwn(AddressNumber.OfHost(client), _strangers, out own, out var wait))
        {
            return new AddressTake(own, null, at, own, wait);
        }

        if (_all is null || _all.TryTake(1, out wait))
        {
            return new AddressTake(own, _all, at, null, TimeSpan.Zero);
        }

        own?.GiveBack(1, at);
        return new AddressTake(own, _all, at, _all, wait);
    }

    /// <summary>Gives back what was taken, less what has flowed off since. Once for each take.</summary>
    public static void GiveBack(AddressTake take)
    {
        if (take.IsTaken)
        {
            take.OfAddress?.GiveBack(1, take.At);
            take.OfAll?.GiveBack(1, take.At);
        }
    }

    /// <summary>
    /// The request was a stranger's: it counts for its address, but must not use up what is there for all.
    /// </summary>
    public static void GiveBackOfAll(AddressTake take) => take.OfAll?.GiveBack(1, take.At);

    private static RateWindow? WindowOf(long perMinute, TimeProvider clock) =>
        perMinute > 0 ? new RateWindow(perMinute, clock) : null;

    private bool TryTakeOwn(UInt128 host, RateWindow strangers, out RateWindow window, out TimeSpan wait)
    {
        lock (_lock)
        {
            window = _windows.TryGetValue(host, out var known) ? known : WindowOfStranger(host, strangers);
            return window.TryTake(1, out wait);
        }
    }

    private RateWindow WindowOfStranger(UInt128 host, RateWindow strangers)
    {
        ForgetSome();
        if (_windows.Count == AddressesMax)
        {
            return strangers;
        }

        // It may have sent its minute's worth through the shared window just now.
        var window = strangers.Copy();
        _windows.Add(host, window);
        _lookAtNext.Enqueue(host);
        return window;
    }

    private void ForgetSome()
    {
        for (var left = Math.Min(LookedAtMax, _lookAtNext.Count); left > 0; left--)
        {
            var host = _lookAtNext.Dequeue();
            if (_windows[host].IsAtRest)
            {
                _windows.Remove(host);
            }
            else
            {
                _lookAtNext.Enqueue(host);
            }
        }
    }
}

/// <summary>What came of one request at the limits by address.</summary>
/// <param name="OfAddress">The window of the client, or that of all strangers; null without such a limit.</param>
/// <param name="OfAll">The window of the process; null without such a limit, or when it was not asked.</param>
/// <param name="At">When, in ticks of the monotonic clock.</param>
/// <param name="Exhausted">The one of the two that had nothing left; null when the request was taken.</param>
/// <param name="Wait">How long until it has.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AddressTake(
    RateWindow? OfAddress, RateWindow? OfAll, long At, RateWindow? Exhausted, TimeSpan Wait)
{
    public bool IsTaken => Exhausted is null;
}
