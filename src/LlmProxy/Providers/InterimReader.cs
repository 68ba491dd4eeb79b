using System.Buffers;

namespace LlmProxy.Providers;

/// <summary>
/// Finds the interim answers (RFC 9110 §15.2) in what a provider sends for one request, and reports each head as it
/// came, up to its empty line. A 100 is about this connection and a 101 is final: neither is reported. Changes nothing
/// and never fails: of what it does not understand it reports nothing any more.
/// </summary>
/// <remarks>
/// Reads come one after the other. Only <see cref="EndAsync"/> may be called at any time.
/// </remarks>
internal sealed class InterimReader(Func<ReadOnlyMemory<byte>, ValueTask> report)
{
    /// <summary>A longer head is not reported, nor is anything after it.</summary>
    public const int HeadBytesMax = 16 * 1024;

    /// <summary>What comes after so many is not reported.</summary>
    public const int HeadsMax = 16;

    private const int StatusEnd = 12;

    private const int Idle = 0;
    private const int Reporting = 1;
    private const int Over = 2;

    // Cleared at the end: a kept connection remembers its last reader, and must not keep the exchange alive with it.
    private Func<ReadOnlyMemory<byte>, ValueTask>? _report = report;

    // The beginning of a head whose end is still to come; null when there is none.
    private ArrayBufferWriter<byte>? _kept;
    private int _heads;

    // Interlocked: the end may come while a report runs.
    private int _state;
    private TaskCompletionSource? _reported;

    private static ReadOnlySpan<byte> Start => "HTTP/1.1 1"u8;

    private static ReadOnlySpan<byte> HeadEnd => "\r\n\r\n"u8;

    /// <summary>Nothing will be reported any more, so nothing needs to be read.</summary>
    public bool IsOver => Volatile.Read(ref _state) == Over;

    /// <summary>Takes what was read next; completes when all heads that end in it were reported.</summary>
    public ValueTask ReadAsync(ReadOnlyMemory<byte> bytes)
    {
        // Of nearly every answer the first bytes say that it is final.
        if (_kept is null && !MayBeInterim(bytes.Span))
        {
            Stop();
            return ValueTask.CompletedTask;
        }

        return ScanAsync(bytes);
    }

    /// <summary>When this completes, no report runs and none will begin.</summary>
    public ValueTask EndAsync()
    {
        var wasReporting = Interlocked.Exchange(ref _state, Over) == Reporting;
        _report = null;
        return wasReporting ? new ValueTask(_reported!.Task) : ValueTask.CompletedTask;
    }

    private async ValueTask ScanAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_kept is not null)
        {
            _kept.Write(bytes.Span);
            bytes = _kept.WrittenMemory;
        }

        while (!bytes.IsEmpty)
        {
            var length = bytes.Span.IndexOf(HeadEnd) + HeadEnd.Length;
            var isWhole = length >= HeadEnd.Length;
            if (!MayBeInterim(bytes.Span) || (isWhole ? length : bytes.Length) > HeadBytesMax)
            {
                Stop();
                return;
            }

            if (!isWhole)
            {
                Keep(bytes);
                return;
            }

            var head = bytes[..length];
            if (!await TakeAsync(head))
            {
                Stop();
                return;
            }

            bytes = bytes[length..];
        }

        _kept = null;
    }

    /// <summary>Whether another answer follows this one that is worth looking for.</summary>
    private async ValueTask<bool> TakeAsync(ReadOnlyMemory<byte> head)
    {
        if (!HasStatus(head.Span) || !HasWholeLines(head.Span) || head.Span[..StatusEnd].EndsWith("101"u8))
        {
            return false;
        }

        if (head.Span[..StatusEnd].EndsWith("100"u8))
        {
            return true;
        }

        _heads++;
        return _heads <= HeadsMax && await ReportAsync(head);
    }

    private async ValueTask<bool> ReportAsync(ReadOnlyMemory<byte> head)
    {
        var reporting = _report;
        var reported = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _reported = reported;
        if (Interlocked.CompareExchange(ref _state, Reporting, Idle) != Idle)
        {
            return false;
        }

        try
        {
            await reporting!(head);
        }
        finally
        {
            Interlocked.CompareExchange(ref _state, Idle, Reporting);
            reported.SetResult();
        }

        return true;
    }

    private void Keep(ReadOnlyMemory<byte> bytes)
    {
        // All of it may be what is kept already, with one more piece.
        if (_kept is null || _kept.WrittenCount != bytes.Length)
        {
            _kept = new ArrayBufferWriter<byte>(bytes.Length);
            _kept.Write(bytes.Span);
        }
    }

    private void Stop()
    {
        _kept = null;
        Volatile.Write(ref _state, Over);
    }

    private static bool MayBeInterim(ReadOnlySpan<byte> bytes)
    {
        var known = Math.Min(bytes.Length, Start.Length);
        return bytes[..known].SequenceEqual(Start[..known]);
    }

    private static bool HasStatus(ReadOnlySpan<byte> head) =>
        char.IsAsciiDigit((char)head[StatusEnd - 2]) && char.IsAsciiDigit((char)head[StatusEnd - 1])
        && head[StatusEnd] is (byte)' ' or (byte)'\r';

    /// <summary>HttpClient takes a bare line feed for the end of a line, and would see the head end earlier.</summary>
    private static bool HasWholeLines(ReadOnlySpan<byte> head)
    {
        var lines = head.Count("\r\n"u8);
        return head.Count((byte)'\n') == lines && head.Count((byte)'\r') == lines;
    }
}
