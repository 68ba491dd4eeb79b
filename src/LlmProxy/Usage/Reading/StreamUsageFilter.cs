using System.Buffers;
using LlmProxy.Http;

namespace LlmProxy.Usage.Reading;

/// <summary>
/// Takes out of an event stream the one event that a client did not ask for: the chunk without choices that tells the
/// usage, which <see cref="UsageSplice"/> has caused. Every other byte passes, each event when its end is known.
/// For streams that are not compressed.
/// </summary>
internal sealed class StreamUsageFilter : IDisposable
{
    /// <summary>An event that is longer passes as it comes.</summary>
    public const int HeldBytesMax = 64 * 1024;

    private readonly JsonScan _scan = new();
    private SseFrames _frames;
    private PooledBytes _held;
    private bool _isPassing;
    private bool _wasDropped;

    // Of the open event.
    private int _depth;
    private Member _member;
    private bool _isObject;
    private bool _hasNoChoices;
    private bool _hasUsage;

    private enum Member : byte
    {
        Other,
        Choices,
        Usage,
    }

    public void Pass(ReadOnlySpan<byte> piece, IBufferWriter<byte> to)
    {
        // What of the piece is neither passed on nor dropped yet.
        var open = piece;
        var rest = piece;
        SsePart part;
        while ((part = _frames.Next(ref rest, out var data)) != SsePart.None)
        {
            if (part == SsePart.Data)
            {
                Judge(data);
                continue;
            }

            var seen = open[..^rest.Length];
            open = rest;
            if (part == SsePart.Tail)
            {
                PassUnless(_wasDropped, seen, to);
                continue;
            }

            _wasDropped = !_isPassing && _isObject && _scan.IsDone && _hasNoChoices && _hasUsage;
            PassUnless(_wasDropped, seen, to);
            BeginEvent();
        }

        Hold(open, to);
    }

    /// <summary>Nothing more comes: what is held is passed on.</summary>
    public void Finish(IBufferWriter<byte> to)
    {
        to.Write(_held.Span);
        _held.Return();
    }

    public void Dispose() => _held.Return();

    private void PassUnless(bool isDropped, ReadOnlySpan<byte> seen, IBufferWriter<byte> to)
    {
        if (!isDropped)
        {
            to.Write(_held.Span);
            to.Write(seen);
        }

        _held.Clear();
    }

    private void Hold(ReadOnlySpan<byte> open, IBufferWriter<byte> to)
    {
        _isPassing |= _held.Length + open.Length > HeldBytesMax;
        if (_isPassing)
        {
            PassUnless(isDropped: false, open, to);
        }
        else
        {
            _held.Append(open);
        }
    }

    private void BeginEvent()
    {
        _scan.Reset();
        (_isPassing, _isObject, _hasNoChoices, _hasUsage, _depth) = (false, false, false, false, 0);
        _member = Member.Other;
    }

    private void Judge(ReadOnlySpan<byte> data)
    {
        JsonToken token;
        while ((token = _scan.Next(ref data, out var value)) != JsonToken.None)
        {
            switch (token)
            {
                case JsonToken.Key:
                    OnKey(value);
                    break;
                case JsonToken.StartObject when _depth == 0:
                    (_isObject, _depth) = (true, 1);
                    break;
                case JsonToken.StartObject:
                    // The usage; what an entry of the choices holds does not matter, only that there is one.
                    _hasUsage |= _member == Member.Usage;
                    _hasNoChoices &= _member != Member.Choices;
                    _scan.SkipContainer();
                    break;
                case JsonToken.StartArray when _depth == 1 && _member == Member.Choices:
                    (_hasNoChoices, _depth) = (true, 2);
                    break;
                case JsonToken.StartArray:
                    _hasNoChoices &= _member != Member.Choices;
                    _scan.SkipContainer();
                    break;
                case JsonToken.EndArray or JsonToken.EndObject:
                    _depth--;
                    break;
                default:
                    _hasNoChoices &= _depth < 2;
                    break;
            }
        }
    }

    private void OnKey(ReadOnlySpan<byte> key)
    {
        _member = key.SequenceEqual("choices"u8) ? Member.Choices
            : key.SequenceEqual("usage"u8) ? Member.Usage
            : Member.Other;
        if (_member != Member.Other)
        {
            _scan.Take();
        }
    }
}
