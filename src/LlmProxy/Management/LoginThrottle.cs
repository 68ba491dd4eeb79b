using System.Net;
using LlmProxy.Http;

namespace LlmProxy.Management;

/// <summary>
/// Counts failed logins per address. After <see cref="FailuresMax"/> of them an address is not listened to until
/// <see cref="Window"/> after its first failure has passed, not even with the right secret: whoever would be let
/// in by a right guess could go on guessing. Other addresses are not affected.
/// </summary>
internal sealed class LoginThrottle(TimeProvider clock)
{
    public const int FailuresMax = 10;

    /// <summary>
    /// Bounds the memory that a caller with many addresses can take: beyond it the oldest is forgotten.
    /// </summary>
    public const int AddressesMax = 10_000;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, Record> _records = [];

    // In the order of their first failure, which is also the order in which their windows end.
    private readonly Queue<Record> _oldestFirst = [];

    /// <summary>
    /// Listens to one attempt. Counting and judging are one step, so that parallel attempts cannot all be judged
    /// before the first of them is counted.
    /// </summary>
    public LoginOutcome Judge(IPAddress? address, Func<bool> isRight)
    {
        var key = AddressNumber.OfHost(address);
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            ForgetWhatEnded(now);
            var record = _records.GetValueOrDefault(key);
            if (record is { Failures: >= FailuresMax })
            {
                return new LoginOutcome(IsAllowed: false, record.EndsAt - now, WasTheLast: false);
            }

            if (isRight())
            {
                return new LoginOutcome(IsAllowed: true, RetryAfter: null, WasTheLast: false);
            }

            record ??= Remember(key, now);
            record.Failures++;
            return new LoginOutcome(IsAllowed: false, RetryAfter: null, WasTheLast: record.Failures == FailuresMax);
        }
    }

    private Record Remember(UInt128 key, DateTimeOffset now)
    {
        if (_oldestFirst.Count == AddressesMax)
        {
            _records.Remove(_oldestFirst.Dequeue().Host);
        }

        var record = new Record(key, now + Window);
        _records.Add(key, record);
        _oldestFirst.Enqueue(record);
        return record;
    }

    private void ForgetWhatEnded(DateTimeOffset now)
    {
        while (_oldestFirst.TryPeek(out var oldest) && oldest.EndsAt <= now)
        {
            _records.Remove(_oldestFirst.Dequeue().Host);
        }
    }

    private sealed class Record(UInt128 host, DateTimeOffset endsAt)
    {
        public UInt128 Host { get; } = host;

        public DateTimeOffset EndsAt { get; } = endsAt;

        public int Failures { get; set; }
    }
}

/// <summary>What came of a login.</summary>
/// <param name="IsAllowed">The secret was right and was listened to.</param>
/// <param name="RetryAfter">The attempt was not looked at; the next one will be after this time.</param>
/// <param name="WasTheLast">This failure used up the address's attempts.</param>
internal readonly record struct LoginOutcome(bool IsAllowed, TimeSpan? RetryAfter, bool WasTheLast);
