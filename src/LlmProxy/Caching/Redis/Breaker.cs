namespace LlmProxy.Caching.Redis;

/// <summary>
/// Keeps requests from waiting for a Redis that does not answer. It opens after some failures in a row over some time,
/// so that one hiccup that many requests meet at once does not count as many, and at once when the connection is known
/// to be gone. It is closed by whoever tries in the background.
/// </summary>
internal sealed class Breaker(TimeProvider time)
{
    private const int FailuresMin = 5;

    private static readonly TimeSpan FailingMin = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private volatile bool _isOpen = true;
    private int _failures;
    private long _failingSince;

    /// <summary>Nobody should ask. So it is in the beginning, until there is a connection.</summary>
    public bool IsOpen => _isOpen;

    public void Succeeded()
    {
        // Nearly always so, and then nothing is written that other processors have read.
        if (Volatile.Read(ref _failures) != 0)
        {
            Volatile.Write(ref _failures, 0);
        }
    }

    /// <summary>True when this failure is the one that opens it.</summary>
    public bool Failed()
    {
        lock (_lock)
        {
            if (_failures++ == 0)
            {
                _failingSince = time.GetTimestamp();
            }

            return _failures >= FailuresMin && time.GetElapsedTime(_failingSince) >= FailingMin && OpenLocked();
        }
    }

    /// <summary>True when it was not open already.</summary>
    public bool Open()
    {
        lock (_lock)
        {
            return OpenLocked();
        }
    }

    /// <summary>True when it was open.</summary>
    public bool Close()
    {
        lock (_lock)
        {
            var wasOpen = _isOpen;
            _isOpen = false;
            _failures = 0;
            return wasOpen;
        }
    }

    private bool OpenLocked()
    {
        var wasOpen = _isOpen;
        _isOpen = true;
        return !wasOpen;
    }
}
