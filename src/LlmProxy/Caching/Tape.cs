namespace LlmProxy.Caching;

/// <summary>
/// The body of an answer while it arrives: written once, read by the clients that wait for it, each at its own pace,
/// and kept whole for the store as long as it is short enough. One that becomes too long goes on as a window, so that
/// what it holds is bounded and its slowest reader sets the pace.
/// </summary>
/// <param name="bytesMax">Beyond it the body is not kept.</param>
/// <param name="length">How long it will be, when that is known.</param>
/// <param name="budget">What all bodies on their way may hold.</param>
internal sealed class Tape(int bytesMax, long? length, TapeBudget budget)
{
    // What a window holds at most, when the slowest reader is behind.
    private const int WindowBytes = 256 * 1024;
    private const int PieceBytes = 16 * 1024;

    private readonly Lock _gate = new();
    private readonly List<TapeReader> _readers = [];

    // All guarded by _gate. Bytes below a piece's Length never change.
    private TapePiece? _first;
    private TapePiece? _last;
    private long _end;
    private long _charged;
    private bool _isKept = true;
    private bool _isComplete;
    private bool _isBroken;
    private TaskCompletionSource? _more;
    private TaskCompletionSource? _room;

    /// <summary>How long the body will be, when that is known.</summary>
    public long? Length => length;

    /// <summary>Whether all of it so far is here, so that one more reader can begin.</summary>
    public bool IsKept
    {
        get
        {
            lock (_gate)
            {
                return _isKept;
            }
        }
    }

    /// <summary>Null when the beginning is gone already.</summary>
    public TapeReader? TryOpen()
    {
        lock (_gate)
        {
            if (!_isKept)
            {
                return null;
            }

            var reader = new TapeReader(this);
            _readers.Add(reader);
            return reader;
        }
    }

    /// <summary>Adds a copy of a piece.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        TaskCompletionSource? more;
        lock (_gate)
        {
            _end += bytes.Length;
            if (_isKept && _end > bytesMax)
            {
                ForgetBeginning();
            }

            while (!bytes.IsEmpty)
            {
                if (_last is null || _last.Room == 0)
                {
                    Grow(bytes.Length);
                }

                var part = bytes[..Math.Min(bytes.Length, _last!.Room)];
                _last.Append(part);
                bytes = bytes[part.Length..];
            }

            (more, _more) = (_more, null);
        }

        more?.TrySetResult();
    }

    /// <summary>
    /// Waits until the slowest reader of a window has caught up. A body that is kept has always room.
    /// </summary>
    public async ValueTask WaitForRoomAsync(CancellationToken cancelled)
    {
        while (true)
        {
            Task waiting;
            lock (_gate)
            {
                if (_isKept || _end - SlowestPosition() <= WindowBytes)
                {
                    return;
                }

                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                waiting = _room.Task;
            }

            await waiting.WaitAsync(cancelled);
        }
    }

    /// <summary>The body is complete.</summary>
    public void Complete() => End(isBroken: false);

    /// <summary>The body broke off, or is of no use: whoever reads it must not take it for the end.</summary>
    public void Break() => End(isBroken: true);

    /// <summary>The whole body; null when it was too long to keep.</summary>
    public ReadOnlyMemory<byte>? Whole()
    {
        lock (_gate)
        {
            if (!_isKept || !_isComplete || _isBroken)
            {
                return null;
            }

            if (_first is null)
            {
                return ReadOnlyMemory<byte>.Empty;
            }

            if (_first.Next is null && _first.Room == 0)
            {
                return _first.Written(0);
            }

            var whole = new byte[_end];
            var at = 0;
            for (var piece = _first; piece is not null; piece = piece.Next)
            {
                piece.Written(0).Span.CopyTo(whole.AsSpan(at));
                at += piece.Length;
            }

            return whole;
        }
    }

    /// <summary>Nobody needs what is kept any more.</summary>
    public void Release()
    {
        lock (_gate)
        {
            budget.Return(_charged);
            _charged = 0;
        }
    }

    internal bool TryRead(TapeReader reader, out ReadOnlyMemory<byte> bytes)
    {
        TaskCompletionSource? room = null;
        lock (_gate)
        {
            bytes = reader.Advance(_first);
            if (!bytes.IsEmpty)
            {
                (room, _room) = (_room, null);
            }
        }

        room?.TrySetResult();
        return !bytes.IsEmpty;
    }

    /// <summary>True when there may be more to read, false at the end.</summary>
    internal async ValueTask<bool> WaitAsync(TapeReader reader, CancellationToken cancelled)
    {
        Task waiting;
        lock (_gate)
        {
            if (reader.Position < _end)
            {
                return true;
            }

            if (_isBroken)
            {
                throw new IOException("The answer broke off.");
            }

            if (_isComplete)
            {
                return false;
            }

            _more ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting = _more.Task;
        }

        await waiting.WaitAsync(cancelled);
        return true;
    }

    internal void Close(TapeReader reader)
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            _readers.Remove(reader);
            (room, _room) = (_room, null);
        }

        room?.TrySetResult();
    }

    private void End(bool isBroken)
    {
        TaskCompletionSource? more;
        lock (_gate)
        {
            if (_isComplete)
            {
                return;
            }

            (_isComplete, _isBroken) = (true, isBroken);
            (more, _more) = (_more, null);
        }

        more?.TrySetResult();
    }

    private bool TryCharge(int bytes)
    {
        if (!budget.TryTake(bytes))
        {
            return false;
        }

        _charged += bytes;
        return true;
    }

    /// <summary>From now on only the readers hold what they have not read yet.</summary>
    private void ForgetBeginning()
    {
        _isKept = false;
        foreach (var reader in _readers)
        {
            reader.Hold(_first);
        }

        _first = null;
        budget.Return(_charged);
        _charged = 0;
    }

    /// <summary>A body of known length gets one piece, which is then stored as it is.</summary>
    private void Grow(int bytes)
    {
        var isFirst = _last is null;
        var size = isFirst && _isKept && length is > 0 && length <= bytesMax
            ? (int)length
            : Math.Max(bytes, isFirst ? 0 : PieceBytes);
        if (_isKept && !TryCharge(size))
        {
            ForgetBeginning();
            size = Math.Max(bytes, PieceBytes);
        }

        var piece = new TapePiece(size);
        if (_last is null)
        {
            _first = _isKept ? piece : null;
        }
        else
        {
            _last.Next = piece;
        }

        _last = piece;
        if (isFirst || !_isKept)
        {
            foreach (var reader in _readers)
            {
                reader.Hold(piece);
            }
        }
    }

    private long SlowestPosition()
    {
        var slowest = _end;
        foreach (var reader in _readers)
        {
            slowest = Math.Min(slowest, reader.Position);
        }

        return slowest;
    }
}

/// <summary>A stretch of a <see cref="Tape"/>.</summary>
internal sealed class TapePiece(int size)
{
    private readonly byte[] _bytes = new byte[size];

    public int Length { get; private set; }

    public TapePiece? Next { get; set; }

    public int Room => _bytes.Length - Length;

    public ReadOnlyMemory<byte> Written(int from) => _bytes.AsMemory(from, Length - from);

    public void Append(ReadOnlySpan<byte> part)
    {
        part.CopyTo(_bytes.AsSpan(Length));
        Length += part.Length;
    }
}

/// <summary>One client's place on a <see cref="Tape"/>. Used by one thread at a time.</summary>
internal sealed class TapeReader(Tape tape) : IDisposable
{
    private TapePiece? _piece;
    private int _offset;

    /// <summary>How many bytes it has read.</summary>
    public long Position { get; private set; }

    /// <summary>What is there and not read yet, or a part of it; false when nothing is.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> bytes) => tape.TryRead(this, out bytes);

    /// <summary>
    /// Waits for more: false at the end. Throws <see cref="IOException"/> when the body broke off.
    /// </summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancelled) => tape.WaitAsync(this, cancelled);

    public void Dispose() => tape.Close(this);

    /// <summary>Under the tape's lock: where to begin, unless it has begun.</summary>
    internal void Hold(TapePiece? piece) => _piece ??= piece;

    /// <summary>Under the tape's lock.</summary>
    internal ReadOnlyMemory<byte> Advance(TapePiece? first)
    {
        _piece ??= Position == 0 ? first : null;
        while (_piece is { } piece)
        {
            if (_offset < piece.Length)
            {
                var bytes = piece.Written(_offset);
                _offset += bytes.Length;
                Position += bytes.Length;
                return bytes;
            }

            if (piece.Next is null)
            {
                break;
            }

            (_piece, _offset) = (piece.Next, 0);
        }

        return default;
    }
}

/// <summary>What all bodies on their way hold together, so that many of them cannot fill the memory.</summary>
internal sealed class TapeBudget(long bytesMax)
{
    // Interlocked.
    private long _taken;

    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _taken, bytes) <= bytesMax)
        {
            return true;
        }

        Interlocked.Add(ref _taken, -bytes);
        return false;
    }

    public void Return(long bytes) => Interlocked.Add(ref _taken, -bytes);
}
