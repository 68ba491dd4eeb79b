#pragma warning disable MA0045 // Mostly the page cache answers, and nobody waits for this but the sender of events.
using Microsoft.Win32.SafeHandles;

namespace LlmProxy.Events.Redis;

/// <summary>
/// Reads the records of a spool one after the other. What is damaged is passed over: behind it the next mark is looked
/// for that begins a whole record.
/// </summary>
internal sealed class SpoolReader(SafeFileHandle file)
{
    private const int WindowBytes = 256 * 1_024;
    private const int WindowBytesKept = 4 * 1_024 * 1_024;

    private byte[] _window = new byte[WindowBytes];
    private long _offset;
    private int _length;

    /// <summary>What was read before may be something else now.</summary>
    public void Forget() => _length = 0;

    /// <summary>
    /// The first whole record that begins at or behind <paramref name="start"/>, which is then its beginning; empty
    /// when there is none before <paramref name="end"/>. Valid until the next call.
    /// </summary>
    public ReadOnlySpan<byte> Find(ref long start, long end)
    {
        while (start + SpoolFormat.HeadBytes <= end)
        {
            var head = Window(start, SpoolFormat.HeadBytes, end);
            var payload = SpoolFormat.PayloadBytesOf(head, end - start - SpoolFormat.HeadBytes);
            if (payload >= 0)
            {
                var record = Window(start, SpoolFormat.HeadBytes + payload, end);
                if (SpoolFormat.IsWhole(record))
                {
                    return record;
                }
            }

            start = FindMark(start + 1, end);
        }

        start = end;
        return [];
    }

    private long FindMark(long from, long end)
    {
        var mark = SpoolFormat.Mark;
        while (from + mark.Length <= end)
        {
            var bytes = Window(from, (int)Math.Min(WindowBytes, end - from), end);
            if (bytes.IndexOf(mark) is >= 0 and var found)
            {
                return from + found;
            }

            from += bytes.Length - mark.Length + 1;
        }

        return end;
    }

    private ReadOnlySpan<byte> Window(long offset, int count, long end)
    {
        if (offset < _offset || offset + count > _offset + _length)
        {
            Fill(offset, count, end);
        }

        return _window.AsSpan((int)(offset - _offset), count);
    }

    // Never beyond the end: what is there may be written anew.
    private void Fill(long offset, int count, long end)
    {
        if (count > _window.Length || (_window.Length > WindowBytesKept && count <= WindowBytes))
        {
            _window = new byte[Math.Max(count, WindowBytes)];
        }

        _length = 0;
        var wanted = (int)Math.Min(_window.Length, end - offset);
        while (_length < wanted)
        {
            var read = RandomAccess.Read(file, _window.AsSpan(_length, wanted - _length), offset + _length);
            _length += read > 0 ? read : throw new EndOfStreamException("The spool is shorter than it was.");
        }

        _offset = offset;
    }
}
