using System.Runtime.InteropServices;
using LlmProxy.Http;

namespace LlmProxy.Usage.Reading;

/// <summary>What an answer has said about itself.</summary>
/// <param name="Usage">Its own report; of <see cref="UsageSource.Unknown"/> when there is none to trust.</param>
/// <param name="Faults">What was wrong with it.</param>
/// <param name="Model">The model as the answer names it; null when it is longer than 128 bytes.</param>
/// <param name="ServiceTier">The tier as the answer names it, the last one.</param>
/// <param name="HasEnded">A stream has said that it is over; a document is complete.</param>
/// <param name="IsOnlyOfPrompt">The usage holds no more than the beginning of what the model has said.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AnswerFacts(
    UsageReport Usage, UsageFaults Faults, string? Model, string? ServiceTier, bool HasEnded,
    bool IsOnlyOfPrompt = false);

/// <summary>
/// Reads what an answer says about itself while its bytes pass: one JSON document, an event stream or lines of JSON,
/// compressed or not. Holds no more than a few short values and the text that is to be counted, and never throws.
/// </summary>
internal sealed class AnswerReader : IDisposable
{
    private readonly Format _format;
    private readonly bool _isUnreadable;
    private readonly Inflation? _inflation;
    private readonly AnswerWalk _walk = AnswerWalk.Rent();

    private SseFrames _frames;
    private bool _isBroken;
    private bool _isDisposed;
    private int _markMatched;

    // Of "[DONE]" so many bytes are read, when the event began with it; NoMarker when it did not.
    private int _doneMatched;
    private bool _wasRead;

    private const int NoMarker = -1;

    private AnswerReader(Format format, ContentCoding coding)
    {
        _format = format;
        _isUnreadable = coding == ContentCoding.Unreadable;
        _inflation = coding is ContentCoding.Identity or ContentCoding.Unreadable ? null : new Inflation(coding);
    }

    private enum Format : byte
    {
        Unknown,
        Json,
        EventStream,
        JsonLines,
    }

    private static ReadOnlySpan<byte> DoneMarker => "[DONE]"u8;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>
    /// A reader for an answer of that kind; null for one that holds nothing to read. One whose coding we do not know
    /// gets a reader that only says <see cref="UsageFaults.Unreadable"/>.
    /// </summary>
    public static AnswerReader? For(string? contentType, string? contentEncoding)
    {
        var format = FormatOf(contentType);
        return format == Format.Unknown ? null : new AnswerReader(format, ContentCodings.Of(contentEncoding));
    }

    public void Read(ReadOnlySpan<byte> piece)
    {
        if (_isUnreadable || _isBroken || piece.IsEmpty)
        {
            return;
        }

        if (_inflation is null)
        {
            ReadPlain(piece);
            return;
        }

        while (!piece.IsEmpty && !_isBroken)
        {
            var slice = piece[..Math.Min(piece.Length, Inflation.FeedBytesMax)];
            piece = piece[slice.Length..];
            _inflation.Feed(slice);
            for (var block = _inflation.Next(); !block.IsEmpty; block = _inflation.Next())
            {
                ReadPlain(block);
            }

            _isBroken = _inflation.IsBroken;
        }
    }

    /// <summary>What the answer has said.</summary>
    /// <param name="isComplete">Whether all its bytes have passed; false when it broke off.</param>
    public AnswerFacts Finish(bool isComplete)
    {
        _walk.Finish();
        var usage = _walk.Report(out var faults);
        var isDocumentCut = _format == Format.Json && _wasRead && !_walk.IsDone && !_walk.IsInvalid;
        var isCut = !_isBroken && (isDocumentCut || _inflation is { } inflation && !inflation.IsComplete());
        if (!isComplete || isCut)
        {
            faults |= UsageFaults.Truncated;
        }

        if (_isUnreadable || _isBroken || (_format == Format.Json && _walk.IsInvalid))
        {
            faults |= UsageFaults.Unreadable;
        }

        if (usage.Source == UsageSource.Unknown && _walk.TextBytesBeyond > 0)
        {
            faults |= UsageFaults.Estimated;
        }

        var hasEnded = _format switch
        {
            Format.Json => _walk.IsDone,
            Format.JsonLines => _walk.HasEnded || (_wasRead && (_walk.IsFresh || _walk.IsDone)),
            _ => _walk.HasEnded,
        };
        return new AnswerFacts(usage, faults, _walk.Model, _walk.ServiceTier, hasEnded, _walk.IsOnlyOfPrompt);
    }

    /// <summary>A stream has said that it is over, and nothing of a failure.</summary>
    public bool HasEndedWell => !_isBroken && !_isUnreadable && _walk is { HasEnded: true, HasFailed: false };

    /// <summary>The model as the answer names it, once it has.</summary>
    public string? Model => _walk.Model;

    /// <summary>What the model has said so far; null when that is nothing, or was taken before.</summary>
    public DeliveredText? TakeText() => _walk.TakeText();

    public void Dispose()
    {
        if (!_isDisposed)
        {
            (_isDisposed, _isBroken) = (true, true);
            _inflation?.Dispose();
            _walk.Return();
        }
    }

    private static Format FormatOf(string? contentType)
    {
        var type = contentType.AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        return type.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase) ? Format.EventStream
            : type.Equals("application/x-ndjson", StringComparison.OrdinalIgnoreCase) ? Format.JsonLines
            : type.Equals("application/json", StringComparison.OrdinalIgnoreCase) ? Format.Json
            : type.EndsWith("+json", StringComparison.OrdinalIgnoreCase) ? Format.Json
            : Format.Unknown;
    }

    private void ReadPlain(ReadOnlySpan<byte> piece)
    {
        _wasRead = true;
        switch (_format)
        {
            case Format.EventStream:
                ReadEvents(piece);
                break;
            case Format.JsonLines:
                ReadLines(WithoutMark(piece));
                break;
            default:
                _walk.Read(WithoutMark(piece));
                break;
        }
    }

    /// <summary>Most clients pass over a byte order mark, although JSON has none (RFC 8259 section 8.1).</summary>
    private ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> piece)
    {
        while (_markMatched < ByteOrderMark.Length && !piece.IsEmpty)
        {
            if (piece[0] != ByteOrderMark[_markMatched])
            {
                _markMatched = ByteOrderMark.Length;
                break;
            }

            piece = piece[1..];
            _markMatched++;
        }

        return piece;
    }

    private void ReadLines(ReadOnlySpan<byte> piece)
    {
        while (!piece.IsEmpty)
        {
            var length = piece.IndexOf((byte)'\n');
            if (length < 0)
            {
                _walk.Read(piece);
                return;
            }

            _walk.Read(piece[..length]);
            _walk.EndDocument();
            piece = piece[(length + 1)..];
        }
    }

    private void ReadEvents(ReadOnlySpan<byte> piece)
    {
        SsePart part;
        while ((part = _frames.Next(ref piece, out var data)) != SsePart.None)
        {
            if (part == SsePart.Data)
            {
                ReadEventData(data);
            }
            else if (part == SsePart.EventEnd)
            {
                _walk.EndDocument();
                _doneMatched = 0;
            }
        }
    }

    private void ReadEventData(ReadOnlySpan<byte> data)
    {
        if (_doneMatched != NoMarker)
        {
            data = _doneMatched == 0 ? data.TrimStart((byte)' ') : data;
            while (!data.IsEmpty && _doneMatched < DoneMarker.Length && data[0] == DoneMarker[_doneMatched])
            {
                data = data[1..];
                _doneMatched++;
            }

            if (_doneMatched == DoneMarker.Length)
            {
                _walk.End();
                return;
            }

            if (data.IsEmpty)
            {
                return;
            }

            // No event of an API is a list, so what the bracket was the beginning of is of no interest.
            _doneMatched = NoMarker;
        }

        _walk.Read(data);
    }
}
