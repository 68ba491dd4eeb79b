#pragma warning disable MA0045 // Runs at start or on the thread pool, where it may wait for the disk.
using System.Buffers;
using LlmProxy.Events;
using LlmProxy.Settings;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// A file with a line an event, as it came. Each is there once: what a crash left unfinished is cut off at start, and
/// the last ids in the file are remembered, so that a batch that was written and not acknowledged is not written again.
/// </summary>
internal sealed class FileSink : ISink
{
    private const int BlockBytes = 1024 * 1024;

    // Four batches of a thousand. They may be long: of the files' ends, not more than this is read at start.
    private const int IdsMax = 4096;
    private const long TailBytesMax = 128L * 1024 * 1024;

    private const int DiskFull = 28;
    private const int QuotaExceeded = 122;

    private readonly string _path;
    private readonly FileRotation _rotation;
    private readonly FileStream _lock;
    private readonly RecentIds _written = new(IdsMax);
    private readonly ArrayBufferWriter<byte> _block = new(64 * 1024);

    // Null when it could not be opened again after it was put aside.
    private FileStream? _file;

    // What is on the disk for good, and what was written behind it.
    private long _synced;
    private long _end;

    private FileSink(string path, FileRotation rotation, FileStream held) =>
        (_path, _rotation, _lock) = (path, rotation, held);

    /// <param name="path">The file.</param>
    /// <param name="rotation">When it is put aside.</param>
    /// <param name="setting">Who has named the path: begins the failure's message.</param>
    /// <exception cref="StartFailure">It cannot be written to, or another process does.</exception>
    public static FileSink Open(string path, FileRotation rotation, string setting = "--endpoint")
    {
        FileStream? held = null;
        try
        {
            var full = Path.GetFullPath(path);
            if (Directory.Exists(full) || Path.EndsInDirectorySeparator(full))
            {
                throw new IOException("It is a folder.");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(full) ?? "/");
            held = OpenStream($"{full}.lock", FileShare.None);
            var sink = new FileSink(full, rotation, held);
            sink.OpenFile();
            sink.RememberIds();
            return sink;
        }
        catch (Exception failure) when (IsOfDisk(failure) || failure is ArgumentException or NotSupportedException)
        {
            held?.Dispose();
            throw new StartFailure($"{setting}: '{path}' cannot be written to: {failure.Message}");
        }
    }

    public Task<IReadOnlyList<DeliveryOutcome>> DeliverAsync(
        IReadOnlyList<EventRecord> batch, CancellationToken stop) =>
        Task.Run<IReadOnlyList<DeliveryOutcome>>(() => Deliver(batch), stop);

    public async ValueTask DisposeAsync()
    {
        if (_file is not null)
        {
            await _file.DisposeAsync();
        }

        await _lock.DisposeAsync();
    }

    private DeliveryOutcome[] Deliver(IReadOnlyList<EventRecord> batch)
    {
        var outcomes = new DeliveryOutcome[batch.Count];
        var pending = new HashSet<string>(StringComparer.Ordinal);
        var reason = string.Empty;
        try
        {
            EnsureFile();
            foreach (var (index, record) in batch.Index())
            {
                if (!IsLine(record.Json.Span))
                {
                    outcomes[index] = DeliveryOutcome.Refused("unreadable event");
                }
                else if (!_written.Contains(record.Id) && !pending.Contains(record.Id))
                {
                    Append(record, pending);
                }
            }

            Sync(pending);
        }
        catch (Exception failure) when (IsOfDisk(failure))
        {
            reason = failure.HResult is DiskFull or QuotaExceeded ? "disk full" : "cannot write the file";
            CutBack();
        }

        foreach (var (index, record) in batch.Index())
        {
            if (outcomes[index].Verdict == Verdict.Accepted && reason.Length > 0 && !_written.Contains(record.Id))
            {
                outcomes[index] = IsLine(record.Json.Span)
                    ? DeliveryOutcome.TryLater(reason)
                    : DeliveryOutcome.Refused("unreadable event");
            }
        }

        return outcomes;
    }

    private void Append(EventRecord record, HashSet<string> pending)
    {
        var length = record.Json.Length + 1;
        if (_end + _block.WrittenCount is > 0 and var soFar && soFar + length > _rotation.BytesMax)
        {
            Sync(pending);
            Rotate();
        }

        _block.Write(record.Json.Span);
        _block.Write("\n"u8);
        pending.Add(record.Id);
        if (_block.WrittenCount >= BlockBytes)
        {
            Flush();
        }
    }

    private void Flush()
    {
        RandomAccess.Write(_file!.SafeFileHandle, _block.WrittenSpan, _end);
        _end += _block.WrittenCount;
        _block.ResetWrittenCount();
    }

    /// <summary>What is pending is on the disk for good when this returns, and its ids are remembered.</summary>
    private void Sync(HashSet<string> pending)
    {
        if (pending.Count == 0)
        {
            return;
        }

        Flush();
        RandomAccess.FlushToDisk(_file!.SafeFileHandle);
        _synced = _end;
        foreach (var id in pending)
        {
            _written.Add(id);
        }

        pending.Clear();
    }

    private void Rotate()
    {
        _file?.Dispose();
        _file = null;
        for (var number = _rotation.Kept - 1; number >= 1; number--)
        {
            if (File.Exists($"{_path}.{number}"))
            {
                File.Move($"{_path}.{number}", $"{_path}.{number + 1}", overwrite: true);
            }
        }

        File.Move(_path, $"{_path}.1", overwrite: true);
        OpenFile();
    }

    /// <summary>
    /// The file is open, and is the one of that name: somebody may have put it aside, or emptied it. What was written
    /// of a batch that failed is cut off.
    /// </summary>
    private void EnsureFile()
    {
        CutOff();
        if (_file is null || new FileInfo(_path) is not { Exists: true } there || there.Length != _synced)
        {
            _file?.Dispose();
            _file = null;
            OpenFile();
        }
    }

    private void CutBack()
    {
        _block.ResetWrittenCount();
        try
        {
            CutOff();
        }
        catch (Exception failure) when (IsOfDisk(failure))
        {
            // Before the next batch it is tried again.
        }
    }

    private void CutOff()
    {
        if (_file is not null && _file.Length > _synced && _end > _synced)
        {
            RandomAccess.SetLength(_file.SafeFileHandle, _synced);
        }

        _end = _synced;
    }

    private void OpenFile()
    {
        var file = OpenStream(_path, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            if (!file.CanSeek)
            {
                throw new IOException("It is no regular file.");
            }

            Span<byte> first = stackalloc byte[1];
            if (RandomAccess.Read(file.SafeFileHandle, first, 0) == 1 && first[0] != (byte)'{')
            {
                // Nothing of it would stay if it were taken for an unfinished line.
                throw new IOException("It is there already, and is no file of events.");
            }

            var end = FileTail.EndOfLastLine(file);
            RandomAccess.SetLength(file.SafeFileHandle, end);
            (_file, _synced, _end) = (file, end, end);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void RememberIds()
    {
        var ofCurrent = FileTail.ReadIds(_file!, TailBytesMax).TakeLast(IdsMax).ToList();
        if (ofCurrent.Count < IdsMax && File.Exists($"{_path}.1"))
        {
            using var older = new FileStream($"{_path}.1", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
            foreach (var id in FileTail.ReadIds(older, TailBytesMax).TakeLast(IdsMax - ofCurrent.Count))
            {
                _written.Add(id);
            }
        }

        ofCurrent.ForEach(_written.Add);
    }

    private static FileStream OpenStream(string path, FileShare share) => new(path, new FileStreamOptions
    {
        Mode = FileMode.OpenOrCreate,
        Access = FileAccess.ReadWrite,
        Share = share,
        BufferSize = 0,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    /// <summary>One line, and what the next start takes for an event.</summary>
    private static bool IsLine(ReadOnlySpan<byte> json) => json is [(byte)'{', ..] && !json.Contains((byte)'\n');

    private static bool IsOfDisk(Exception failure) => failure is IOException or UnauthorizedAccessException;
}
