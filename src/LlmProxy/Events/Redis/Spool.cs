#pragma warning disable MA0045 // Writes end in the page cache, and nobody waits for this but the sender of events.
using System.Buffers;
using LlmProxy.Settings;
using LlmProxy.Storage;
using Microsoft.Win32.SafeHandles;

namespace LlmProxy.Events.Redis;

/// <summary>
/// Events that wait for Redis, in a file that outlives the process: appended at its end, read in the same order, and
/// gone when Redis has them all. Whatever happens to the process in between, an event that was appended is read again
/// until it is confirmed. Not for two threads at once, nor for two processes: the file is locked.
/// </summary>
/// <remarks>
/// Positions count all bytes that this object has seen. When events that are gone leave enough room before those that
/// wait, these are moved to the start of the file; <c>_shift</c> is what then lies between a position and its place.
/// </remarks>
internal sealed class Spool : IDisposable
{
    private const int CopyBytes = 1_024 * 1_024;
    private const int PieceBytes = 64 * 1_024;
    private const int PieceBytesKept = 1_024 * 1_024;

    private static readonly TimeSpan FlushPause = TimeSpan.FromSeconds(1);

    private readonly FileStream _file;
    private readonly SafeFileHandle _handle;
    private readonly SpoolReader _reader;
    private readonly long _bytesMax;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    private ArrayBufferWriter<byte> _buffer = new(PieceBytes);
    private long _shift;
    private long _sent;
    private long _read;
    private long _end;
    private long _version;
    private bool _isFull;
    private volatile bool _isBroken;
    private bool _isDirty;
    private long _flushedAt;
    private Task _flush = Task.CompletedTask;

    private Spool(FileStream file, long bytesMax, TimeProvider time, ILogger logger)
    {
        (_file, _handle, _bytesMax, _time, _logger) = (file, file.SafeFileHandle, bytesMax, time, logger);
        _reader = new SpoolReader(_handle);
    }

    /// <summary>No event waits.</summary>
    public bool IsEmpty => _sent == _end;

    /// <summary>There are events that <see cref="Read"/> has not given out yet.</summary>
    public bool HasUnread => _read < _end;

    /// <summary>How long the events that wait are together.</summary>
    public long Bytes => _end - _sent;

    /// <summary>How many wait.</summary>
    public long Count { get; private set; }

    public string Path => _file.Name;

    /// <summary>Throws <see cref="StartFailure"/> when the file cannot be had for this process alone.</summary>
    public static Spool Open(string path, long bytesMax, TimeProvider time, ILogger logger)
    {
        Spool? spool = null;
        try
        {
            DatabaseFile.Prepare(path);
            var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Open,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                BufferSize = 0,
            });
            spool = new Spool(file, bytesMax, time, logger);
            spool.Recover();
            return spool;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            spool?._file.Dispose();
            throw new StartFailure($"EVENT_SPOOL_FILE: '{path}' cannot be used: {failure.Message} "
                + "Each process needs a file of its own that it may write.");
        }
    }

    /// <summary>
    /// Appends as many as there is room for, from the first on, and answers how many those were. What there is no room
    /// for is for the caller to count.
    /// </summary>
    /// <param name="events">In the order in which they are to be sent.</param>
    /// <param name="areOut">They are on their way already: <see cref="Read"/> is not to give them out.</param>
    public int Append(IReadOnlyList<OutgoingEvent> events, bool areOut = false)
    {
        var appended = 0;
        while (appended < events.Count && AppendSome(events, appended) is > 0 and var some)
        {
            appended += some;
        }

        _read = areOut ? _end : _read;
        return appended;
    }

    /// <summary>Gives out the next events, in order. They stay here until they are confirmed.</summary>
    public int Read(ICollection<OutgoingEvent> into, int max, long bytesMax)
    {
        var (taken, bytes) = (0, 0L);
        while (taken < max && bytes < bytesMax && HasUnread)
        {
            var start = _read - _shift;
            var record = _reader.Find(ref start, _end - _shift);
            if (start + _shift > _read)
            {
                _logger.SpoolIsDamaged(Path, _read - _shift, start + _shift - _read);
            }

            if (record.IsEmpty)
            {
                // Nothing but damage up to the end.
                _end = _read;
                ForgetSent();
                break;
            }

            _read = start + _shift + record.Length;
            var outgoing = SpoolFormat.ReadRecord(record);
            outgoing.SpoolEnd = _read;
            into.Add(outgoing);
            bytes += record.Length;
            taken++;
        }

        return taken;
    }

    /// <summary>Redis has all events up to this position.</summary>
    public void Confirm(long end, int events)
    {
        if (end > _sent)
        {
            _sent = end;
            Count = Math.Max(0, Count - events);
            ForgetSent();
        }
    }

    /// <summary>
    /// Has the disk keep what was written, once a second at most, and without anybody waiting for it.
    /// </summary>
    public void FlushIfDue()
    {
        if (_isDirty && _flush.IsCompleted && _time.GetElapsedTime(_flushedAt) >= FlushPause)
        {
            _isDirty = false;
            _flushedAt = _time.GetTimestamp();
            _flush = Task.Run(Flush);
        }
    }

    public void Dispose()
    {
        _flush.Wait();
        if (_isDirty)
        {
            Flush();
        }

        _file.Dispose();
    }

    /// <summary>Those from an index on that fit into one piece, or none when there is no room for even one.</summary>
    private int AppendSome(IReadOnlyList<OutgoingEvent> events, int from)
    {
        var until = Encode(events, from);
        if (until == from || !TryWrite())
        {
            return 0;
        }

        for (var i = from; i < until; i++)
        {
            _end += SpoolFormat.RecordBytesOf(events[i]);
            events[i].SpoolEnd = _end;
        }

        Count += until - from;
        _isDirty = true;
        return until - from;
    }

    private int Encode(IReadOnlyList<OutgoingEvent> events, int from)
    {
        _buffer = _buffer.Capacity <= PieceBytesKept ? _buffer : new ArrayBufferWriter<byte>(PieceBytes);
        _buffer.ResetWrittenCount();
        var until = from;
        for (; until < events.Count && _buffer.WrittenCount < PieceBytes; until++)
        {
            if (!HasRoomFor(_buffer.WrittenCount + SpoolFormat.RecordBytesOf(events[until])))
            {
                SayItIsFull();
                return until;
            }

            SpoolFormat.WriteRecord(_buffer, events[until]);
        }

        _isFull = false;
        return until;
    }

    private void SayItIsFull()
    {
        if (!_isFull)
        {
            _isFull = true;
            _logger.SpoolIsFull(Path);
        }
    }

    private bool HasRoomFor(long bytes) => _end - _shift + bytes <= _bytesMax || MakeRoomFor(bytes);

    // Only into room that lies wholly before what waits: until the slot is written, all is where it was.
    private bool MakeRoomFor(long bytes)
    {
        var (waiting, place) = (_end - _sent, _sent - _shift);
        if (SpoolFormat.Start + waiting > place || SpoolFormat.Start + waiting + bytes > _bytesMax)
        {
            return false;
        }

        try
        {
            Copy(place, SpoolFormat.Start, waiting);
            RandomAccess.FlushToDisk(_handle);
            WriteProgress(SpoolFormat.Start, SpoolFormat.Start + waiting);
            _shift += place - SpoolFormat.Start;
            _reader.Forget();
            RandomAccess.SetLength(_handle, SpoolFormat.Start + waiting);
            WriteProgress(SpoolFormat.Start, 0);
            return true;
        }
        catch (IOException failure)
        {
            Broke(failure);
            return false;
        }
    }

    private void Copy(long from, long to, long bytes)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        for (long done = 0; done < bytes;)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(CopyBytes, bytes - done));
            var read = RandomAccess.Read(_handle, part, from + done);
            if (read == 0)
            {
                throw new EndOfStreamException("The spool is shorter than it was.");
            }

            RandomAccess.Write(_handle, part[..read], to + done);
            done += read;
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    private bool TryWrite()
    {
        try
        {
            RandomAccess.Write(_handle, _buffer.WrittenSpan, _end - _shift);
            _isBroken = false;
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Broke(failure);
            return false;
        }
    }

    /// <summary>What Redis has is nobody's business any more; when it has all, the file shrinks.</summary>
    private void ForgetSent()
    {
        try
        {
            if (!IsEmpty)
            {
                WriteProgress(_sent - _shift, 0);
                return;
            }

            // In this order: a position behind the end of the file says that nothing waits.
            RandomAccess.SetLength(_handle, SpoolFormat.Start);
            WriteProgress(SpoolFormat.Start, 0);
            (_read, _shift, Count) = (_end, _end - SpoolFormat.Start, 0);
            (_isFull, _isDirty) = (false, false);
            _reader.Forget();
        }
        catch (IOException failure)
        {
            // It is sent again after a restart, and Redis knows what it has.
            Broke(failure);
        }
    }

    private void WriteProgress(long sentUpTo, long end)
    {
        Span<byte> slot = stackalloc byte[SpoolFormat.SlotBytes];
        SpoolFormat.WriteSlot(slot, new SpoolProgress(++_version, sentUpTo, end));
        RandomAccess.Write(_handle, slot, SpoolFormat.OffsetOf(_version));
    }

    private void Flush()
    {
        try
        {
            RandomAccess.FlushToDisk(_handle);
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException)
        {
            Broke(failure);
        }
    }

    private void Broke(Exception failure)
    {
        if (!_isBroken)
        {
            _isBroken = true;
            _logger.CannotSpool(failure, Path);
        }
    }

    private void Recover()
    {
        var length = RandomAccess.GetLength(_handle);
        Span<byte> start = stackalloc byte[SpoolFormat.Start];
        var progress = SpoolFormat.ReadSlots(start[..RandomAccess.Read(_handle, start, 0)]);
        _version = progress?.Version ?? 0;
        if (progress is { End: >= SpoolFormat.Start and var cut } && cut < length)
        {
            RandomAccess.SetLength(_handle, cut);
            length = cut;
        }

        var from = Math.Max(SpoolFormat.Start, progress?.SentUpTo ?? 0);
        var whole = Math.Min(from, length);
        for (var next = from; next < length;)
        {
            var record = _reader.Find(ref next, length);
            Count += record.IsEmpty ? 0 : 1;
            next += record.Length;
            whole = record.IsEmpty ? whole : next;
        }

        (_sent, _read, _end) = (from, from, Math.Max(from, whole));
        if (length > _end)
        {
            _logger.SpoolWasTorn(Path, length - _end);
        }

        Tidy();
    }

    private void Tidy()
    {
        if (IsEmpty)
        {
            (_sent, _read, _end) = (SpoolFormat.Start, SpoolFormat.Start, SpoolFormat.Start);
        }
        else
        {
            _logger.SpoolIsNotEmpty(Count, Path);
        }

        RandomAccess.SetLength(_handle, _end);
        WriteProgress(_sent, 0);
        _reader.Forget();
    }
}
