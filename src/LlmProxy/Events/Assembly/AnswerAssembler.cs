using System.Text.Json;
using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// Puts a streamed answer together to the object that the same request would have got without streaming, while its
/// bytes pass. Holds that object only, never the stream, and no more of it than it may; never throws. One thread at a
/// time.
/// </summary>
/// <remarks>
/// <see cref="Read"/> costs half a microsecond to one per small event and, but for the growth of pooled buffers,
/// allocates nothing.
/// <see cref="Finish"/> writes the object and may be called where it is in nobody's way.
/// </remarks>
internal sealed class AnswerAssembler : IDisposable
{
    /// <summary>A longer event is passed over.</summary>
    public const int EventBytesMax = 1024 * 1024;

    // What is no JSON costs an exception, so a stream of it is not read for long.
    private const int FaultsMax = 100;

    // What is kept before an event tells whose stream it is. Azure's first one does not.
    private const int EarlyEventsMax = 16;
    private const int EarlyBytesMax = 64 * 1024;

    // The buffer for events that come in pieces is kept from one to the next when it is no larger.
    private const int KeptEventBytes = 64 * 1024;

    private readonly ByteBudget _budget;
    private readonly Inflation? _inflation;

    private SseFrames _frames;
    private PooledBytes _event;
    private bool _isEventTooLong;
    private IAnswerMerger? _merger;
    private List<byte[]>? _early;
    private int _earlyBytes;
    private int _faults;
    private bool _isOver;
    private bool _hasDone;
    private bool _isDisposed;

    private AnswerAssembler(ContentCoding coding, int bytesMax)
    {
        _budget = new ByteBudget(bytesMax);
        _inflation = coding == ContentCoding.Identity ? null : new Inflation(coding);
    }

    private static ReadOnlySpan<byte> Done => "[DONE]"u8;

    /// <summary>One for such an answer; null when it is no stream of events, or one that we cannot read.</summary>
    /// <param name="contentType">The header field.</param>
    /// <param name="contentEncoding">The header field.</param>
    /// <param name="bytesMax">
    /// Of text. Names and short values may take <see cref="ByteBudget.ReserveBytes"/> more.
    /// </param>
    public static AnswerAssembler? For(string? contentType, string? contentEncoding, int bytesMax)
    {
        var type = contentType.AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        var coding = ContentCodings.Of(contentEncoding);
        return type.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase)
            && coding != ContentCoding.Unreadable
            ? new AnswerAssembler(coding, bytesMax)
            : null;
    }

    /// <summary>The next bytes of the answer, cut anywhere.</summary>
    public void Read(ReadOnlySpan<byte> piece)
    {
        if (_inflation is null)
        {
            ReadPlain(piece);
            return;
        }

        while (!piece.IsEmpty && !_isOver)
        {
            var slice = piece[..Math.Min(piece.Length, Inflation.FeedBytesMax)];
            piece = piece[slice.Length..];
            _inflation.Feed(slice);
            for (var block = _inflation.Next(); !block.IsEmpty; block = _inflation.Next())
            {
                ReadPlain(block);
            }

            if (_inflation.IsBroken)
            {
                _isOver = _budget.IsFaulty = true;
            }
        }
    }

    /// <summary>
    /// What has come so far, once nothing more will. Null when that is nothing, or of no API that we know: then only
    /// the bytes tell.
    /// </summary>
    public AssembledAnswer? Finish()
    {
        if (_isDisposed)
        {
            return null;
        }

        TakeRest();
        _isOver = true;
        return _merger is null ? EarlyError() : Answer(_merger);
    }

    public void Dispose()
    {
        if (!_isDisposed)
        {
            (_isDisposed, _isOver) = (true, true);
            _inflation?.Dispose();
            _merger?.Dispose();
            _event.Return();
            _early = null;
        }
    }

    private void ReadPlain(ReadOnlySpan<byte> piece)
    {
        // An event that is in one piece is read where it is. Only what goes on in the next piece is copied.
        ReadOnlySpan<byte> data = default;
        while (!_isOver)
        {
            var part = _frames.Next(ref piece, out var more);
            if (part == SsePart.None)
            {
                break;
            }

            if (part == SsePart.Data)
            {
                Hold(data);
                data = more;
            }
            else if (part == SsePart.EventEnd)
            {
                EndEvent(data);
                data = default;
            }
        }

        if (!_isOver)
        {
            Hold(data);
        }
    }

    private void Hold(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty || _isEventTooLong)
        {
            return;
        }

        if (data.Length > EventBytesMax - _event.Length)
        {
            _isEventTooLong = _budget.IsTruncated = true;
            _event.Return();
            return;
        }

        _event.Append(data);
    }

    private void EndEvent(ReadOnlySpan<byte> data)
    {
        if (_event.Length == 0 && !_isEventTooLong && data.Length <= EventBytesMax)
        {
            Take(data);
            return;
        }

        Hold(data);
        if (!_isEventTooLong)
        {
            Take(_event.Span);
        }

        if (_event.Length > KeptEventBytes)
        {
            _event.Return();
        }

        _event.Clear();
        _isEventTooLong = false;
    }

    private void Take(ReadOnlySpan<byte> data)
    {
        data = JsonText.Trim(data);
        if (data.SequenceEqual(Done))
        {
            _hasDone = _isOver = true;
            return;
        }

        if (data.IsEmpty)
        {
            return;
        }

        if (data[0] != '{')
        {
            // A word to keep the connection open, perhaps. It costs nothing, so it may come as often as it likes.
            _budget.IsFaulty = true;
            return;
        }

        try
        {
            if (_merger is null)
            {
                Recognise(data);
            }
            else
            {
                _merger.Merge(data);
                _isOver |= _merger.HasEnded;
            }
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            OnFault();
        }
    }

    private void OnFault()
    {
        _budget.IsFaulty = true;
        _faults++;
        if (_faults >= FaultsMax)
        {
            _isOver = _budget.IsTruncated = true;
        }
    }

    /// <summary>When this event tells whose stream it is, those before it are made up for.</summary>
    private void Recognise(ReadOnlySpan<byte> data)
    {
        var api = AnswerApis.Of(EventFields.Of(data));
        if (api == AnswerApi.Unknown)
        {
            KeepEarly(data);
            return;
        }

        _merger = api switch
        {
            AnswerApi.Chat => new ChunkMerger(ChunkMerger.ChatRule, _budget),
            AnswerApi.Completion => new ChunkMerger(ChunkMerger.CompletionRule, _budget),
            AnswerApi.Response => new ResponseMerger(_budget),
            _ => new MessageMerger(_budget),
        };
        var events = _early ?? [];
        _early = null;
        foreach (var early in events)
        {
            Take(early);
        }

        Take(data);
    }

    private void KeepEarly(ReadOnlySpan<byte> data)
    {
        _early ??= [];
        if (_early.Count < EarlyEventsMax && data.Length <= EarlyBytesMax - _earlyBytes)
        {
            _early.Add(data.ToArray());
            _earlyBytes += data.Length;
        }
    }

    /// <summary>A last event that is complete, though no empty line has said so.</summary>
    private void TakeRest()
    {
        if (!_isOver && _event.Length > 0)
        {
            var data = JsonText.Trim(_event.Span);
            if (data.SequenceEqual(Done) || JsonText.IsValid(data))
            {
                Take(data);
            }
        }

        _event.Return();
    }

    /// <summary>A stream of nothing but an error is, without streaming, that error.</summary>
    private AssembledAnswer? EarlyError()
    {
        if (_early is not [.., var last] || !AnswerApis.IsError(EventFields.Of(last)))
        {
            return null;
        }

        PooledBytes output = default;
        var isCut = last.Length > _budget.TextBytesMax;
        if (isCut && !JsonCut.TryWrite(last, _budget.TextBytesMax, ref output))
        {
            return null;
        }

        var json = JsonText.Mended(isCut ? output.Span : last);
        output.Return();
        return new AssembledAnswer(
            json, Id: null, [], HasEnded: true, HasError: true, isCut || _budget.IsTruncated, _budget.IsFaulty);
    }

    private AssembledAnswer? Answer(IAnswerMerger merger)
    {
        PooledBytes output = default;
        merger.WriteTo(ref output);
        if (output.Length == 0)
        {
            return null;
        }

        var json = JsonText.Mended(output.Span);
        output.Return();
        return new AssembledAnswer(
            json, merger.Id, merger.ReadFinishReasons(), _hasDone || merger.HasEnded || merger.HasError,
            merger.HasError, _budget.IsTruncated, _budget.IsFaulty);
    }
}
