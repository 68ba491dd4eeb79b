using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace LlmProxy.Usage.Reading;

/// <summary>
/// Walks through the JSON documents of one answer, which is one document or an event after the other, and picks up
/// usage, names and text at the places where the APIs put them.
/// </summary>
internal sealed class AnswerWalk : IDisposable
{
    private const int ModelBytesMax = 128;
    private const int TierBytesMax = 32;
    private const int OutputsMax = 1_000_000;

    // A walk is a kilobyte of small buffers, and one is needed for each answer.
    private const int PooledMax = 256;
    private static readonly ConcurrentQueue<AnswerWalk> Pool = new();

    private readonly JsonScan _scan = new();
    private readonly TextCollector? _text;
    private readonly ShortBytes _model = new(ModelBytesMax);
    private readonly ShortBytes _tier = new(TierBytesMax);

    private Places _places;
    private int _depth;
    private AnswerMember _member;

    // Of the document: its usage, and which objects had one.
    private UsageNumbers _reading;
    private UsageNumbers _read;
    private bool _hasRead;
    private bool _rootHadUsage;
    private bool _subjectHadUsage;
    private bool _hasError;
    private bool _isClosed;

    // Of the document's texts: the number that is told, and the one counted where none is.
    private long _rootIndex;
    private long _index;
    private long _position;

    // Of the answer.
    private UsageNumbers _usage;
    private UsageFaults _faults;

    /// <param name="collectsText">Whether <see cref="TakeText"/> is going to be asked.</param>
    public AnswerWalk(bool collectsText) => _text = collectsText ? new TextCollector() : null;

    /// <summary>One that collects text, as good as new. It goes back with <see cref="Return"/>.</summary>
    public static AnswerWalk Rent() => Pool.TryDequeue(out var pooled) ? pooled : new AnswerWalk(collectsText: true);

    /// <summary>Nobody uses it any more.</summary>
    public void Return()
    {
        EndDocument();
        ResetAnswer();
        Dispose();
        if (Pool.Count < PooledMax)
        {
            Pool.Enqueue(this);
        }
    }

    /// <summary>What the document calls itself.</summary>
    public EventKind Kind { get; private set; }

    /// <summary>The stream has said that it is over.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>The stream has said that something went wrong.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Of the usage so far only the prompt is told.</summary>
    public bool IsOnlyOfPrompt { get; private set; }

    /// <summary>The document is complete.</summary>
    public bool IsDone => _scan.IsDone;

    public bool IsInvalid => _scan.IsInvalid;

    /// <summary>Nothing of the document was read.</summary>
    public bool IsFresh => _scan.IsFresh;

    public long TextBytesBeyond => _text?.BytesBeyond ?? 0;

    public string? Model => InternedNames.Of(_model.Span);

    public string? ServiceTier => InternedNames.Of(_tier.Span);

    /// <summary>The usage so far, and what was wrong with it.</summary>
    public UsageReport Report(out UsageFaults faults)
    {
        faults = _faults;
        return _usage.ToReport(ref faults);
    }

    /// <summary>A marker that is no document has said that the stream is over.</summary>
    public void End() => HasEnded = true;

    public void Read(ReadOnlySpan<byte> piece)
    {
        JsonToken token;
        while ((token = _scan.Next(ref piece, out var value)) != JsonToken.None)
        {
            switch (token)
            {
                case JsonToken.Key:
                    OnKey(value);
                    break;
                case JsonToken.Text:
                    _text?.Append(value);
                    break;
                case JsonToken.StartObject or JsonToken.StartArray:
                    OnStart(token == JsonToken.StartObject);
                    break;
                case JsonToken.EndObject or JsonToken.EndArray:
                    OnEnd();
                    break;
                default:
                    OnScalar(token, value);
                    break;
            }
        }
    }

    /// <summary>The document is over, complete or not; the next one begins.</summary>
    public void EndDocument()
    {
        _text?.Discard();
        _scan.Reset();
        (_depth, _member, Kind) = (0, AnswerMember.None, EventKind.Untyped);
        (_hasRead, _rootHadUsage, _subjectHadUsage, _hasError, _isClosed) = (false, false, false, false, false);
        (_rootIndex, _index, _position) = (0, 0, 0);
    }

    /// <summary>Nothing more comes: what the open document has told so far counts.</summary>
    public void Finish()
    {
        if (!_scan.IsInvalid)
        {
            TakeUsage();
        }

        CommitText();
    }

    /// <summary>The next document begins an answer of its own.</summary>
    public void ResetAnswer()
    {
        (_usage, _faults, IsOnlyOfPrompt) = (default, UsageFaults.None, false);
        (HasEnded, HasFailed) = (false, false);
        _model.Clear();
        _tier.Clear();
    }

    /// <summary>What the model has said so far; null when that is nothing, or was taken before.</summary>
    public DeliveredText? TakeText()
    {
        CommitText();
        return _text?.Take();
    }

    public void Dispose() => _text?.Dispose();

    private AnswerPlace Place => _depth == 0 ? AnswerPlace.Outside : _places[_depth - 1];

    private void OnKey(ReadOnlySpan<byte> key)
    {
        var place = Place;
        _member = AnswerMembers.Find(place, key);
        switch (_member)
        {
            case AnswerMember.None:
            case AnswerMember.Model when !_model.Span.IsEmpty:
                break;
            case AnswerMember.Text or AnswerMember.TextOrParts:
                TakeTextOfMember();
                break;
            case AnswerMember.Delta when Kind is EventKind.Untyped or EventKind.TextDelta:
                TakeTextOfMember();
                break;
            case AnswerMember.Usage:
                ref var hadUsage = ref place == AnswerPlace.Root ? ref _rootHadUsage : ref _subjectHadUsage;
                _faults |= hadUsage ? UsageFaults.Repeated : UsageFaults.None;
                hadUsage = true;
                _scan.Take();
                break;
            default:
                _scan.Take();
                break;
        }
    }

    private void TakeTextOfMember()
    {
        if (_text is not null)
        {
            _scan.TakeText();
        }
    }

    private void OnStart(bool isObject)
    {
        var member = _member;
        _member = AnswerMember.None;
        var place = Place;
        var next = _depth == 0 && isObject ? AnswerPlace.Root
            : member != AnswerMember.None ? AnswerMembers.Enter(member, isObject)
            : isObject ? AnswerMembers.ElementOf(place)
            : AnswerPlace.Outside;
        switch (next)
        {
            case AnswerPlace.Outside:
                _hasError |= member == AnswerMember.Error;
                if (member >= AnswerMember.FirstAmount)
                {
                    _reading.Set(AmountOf(member), JsonToken.StartObject, default);
                }

                _scan.SkipContainer();
                return;
            case AnswerPlace.Usage:
                _reading = default;
                break;
            case AnswerPlace.Choices or AnswerPlace.Blocks or AnswerPlace.Output:
                _position = -1;
                break;
            case AnswerPlace.Choice or AnswerPlace.Block or AnswerPlace.Item:
                _position++;
                _index = _position;
                break;
            default:
                break;
        }

        // The places lead nowhere deeper than what Places holds.
        _places[_depth++] = next;
    }

    private void OnEnd()
    {
        var place = Place;
        _depth--;
        switch (place)
        {
            case AnswerPlace.Usage when _reading.IsReport:
                (_read, _hasRead) = (_reading, true);
                break;
            case AnswerPlace.Choice or AnswerPlace.Block or AnswerPlace.Item:
                _text?.Commit(_index);
                break;
            case AnswerPlace.Root:
                CommitText();
                TakeUsage();
                HasFailed |= Kind == EventKind.Failure || _hasError;
                HasEnded |= Kind == EventKind.End || HasFailed;
                _isClosed = true;
                break;
            default:
                break;
        }
    }

    private void OnScalar(JsonToken token, ReadOnlySpan<byte> value)
    {
        var member = _member;
        _member = AnswerMember.None;
        switch (member)
        {
            case >= AnswerMember.FirstAmount:
                _reading.Set(AmountOf(member), token, value);
                break;
            case AnswerMember.Type when token == JsonToken.String:
                Kind = EventKinds.Of(value);
                break;
            case AnswerMember.Model when token == JsonToken.String:
                _model.Set(value);
                break;
            case AnswerMember.ServiceTier when token == JsonToken.String:
                _tier.Set(value);
                break;
            case AnswerMember.Error when token == JsonToken.String:
                _hasError = true;
                break;
            case AnswerMember.Index when token == JsonToken.Number:
                var index = Math.Max(0, JsonNumber.CountOf(value, OutputsMax));
                (Place == AnswerPlace.Root ? ref _rootIndex : ref _index) = index;
                break;
            default:
                break;
        }
    }

    private static Amount AmountOf(AnswerMember member) => (Amount)(member - AnswerMember.FirstAmount);

    private void TakeUsage()
    {
        if (!_hasRead)
        {
            return;
        }

        _hasRead = false;
        if (HasEnded)
        {
            _faults |= UsageFaults.AfterEnd;
            return;
        }

        if (Kind == EventKind.MessageDelta)
        {
            _usage.Merge(_read);
        }
        else
        {
            _usage = _read;
        }

        IsOnlyOfPrompt = Kind == EventKind.MessageStart;
        _faults |= _read.IsImplausible ? UsageFaults.Implausible : UsageFaults.None;
    }

    /// <summary>What is staged is a choice that is not closed yet, or was said by the event itself.</summary>
    private void CommitText()
    {
        if (_isClosed)
        {
            return;
        }

        for (var depth = 0; depth < _depth; depth++)
        {
            if (_places[depth] is AnswerPlace.Choice or AnswerPlace.Block or AnswerPlace.Item)
            {
                _text?.Commit(_index);
                return;
            }
        }

        if (Kind is EventKind.TextDelta or EventKind.BlockDelta)
        {
            _text?.Commit(_rootIndex);
        }
    }

    [InlineArray(16)]
    private struct Places
    {
        private AnswerPlace _first;
    }
}
