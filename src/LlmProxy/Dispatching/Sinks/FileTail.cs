#pragma warning disable MA0045 // Runs at start or on the thread pool, where it may wait for the disk.
using System.Text.Json;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>Reads the end of files that a crash may have left unfinished.</summary>
internal static class FileTail
{
    private const int BlockBytes = 256 * 1024;

    // An event's id is its second member.
    private const int HeadBytes = 512;

    /// <summary>Behind the last line feed; zero when there is none.</summary>
    public static long EndOfLastLine(FileStream file)
    {
        var block = new byte[BlockBytes];
        var end = file.Length;
        while (end > 0)
        {
            var start = Math.Max(0, end - BlockBytes);
            var read = Fill(file, start, block.AsSpan(0, (int)(end - start)));
            var last = block.AsSpan(0, read).LastIndexOf((byte)'\n');
            if (last >= 0)
            {
                return start + last + 1;
            }

            end = start;
        }

        return 0;
    }

    /// <summary>The ids of the events that are whole, from the older to the younger ones.</summary>
    /// <param name="file">A line an event.</param>
    /// <param name="bytesMax">Of its end, not more than this is read.</param>
    public static IEnumerable<string> ReadIds(FileStream file, long bytesMax)
    {
        var block = new byte[BlockBytes];
        var position = Math.Max(0, file.Length - bytesMax);
        var line = new List<byte>(HeadBytes);
        var isWhole = position == 0;
        int read;
        while ((read = Fill(file, position, block)) > 0)
        {
            position += read;
            var taken = 0;
            while (taken < read)
            {
                var feed = Array.IndexOf(block, (byte)'\n', taken, read - taken);
                var end = feed < 0 ? read : feed;
                line.AddRange(block[taken..Math.Min(end, taken + HeadBytes - line.Count)]);
                taken = end + 1;
                if (feed < 0)
                {
                    continue;
                }

                if (isWhole && IdOf([.. line]) is { } id)
                {
                    yield return id;
                }

                line.Clear();
                isWhole = true;
            }
        }
    }

    private static int Fill(FileStream file, long position, Span<byte> block)
    {
        var filled = 0;
        int read;
        while (filled < block.Length
            && (read = RandomAccess.Read(file.SafeFileHandle, block[filled..], position + filled)) > 0)
        {
            filled += read;
        }

        return filled;
    }

    /// <summary>Of the beginning of an event; null when it is not there.</summary>
    private static string? IdOf(byte[] head)
    {
        var reader = new Utf8JsonReader(head, isFinalBlock: false, default);
        try
        {
            while (reader.Read())
            {
                if (reader is { CurrentDepth: 1, TokenType: JsonTokenType.PropertyName }
                    && reader.ValueTextEquals("event_id"u8))
                {
                    return reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                }
            }
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // No event: somebody has written into the file.
        }

        return null;
    }
}
