using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>Reads <see cref="RequestFacts"/> from JSON, forward only.</summary>
[StructLayout(LayoutKind.Auto)]
internal ref struct JsonFacts
{
    private const int DepthMax = 64;

    // Longer names and types are none that we know, whatever their escapes.
    private const int WordBytesMax = 128;

    private static readonly JsonReaderOptions Strict = new() { MaxDepth = DepthMax };

    private readonly ReadOnlySequence<byte> _body;
    private readonly ApiOperation _operation;
    private Utf8JsonReader _reader;
    private uint _seen;
    private BodyFault _fault;
    private string? _model;
    private string? _serviceTier;
    private bool _namesOtherModels;
    private bool _isStream;
    private bool _asksForUsage;
    private bool _hasUnseenContext;
    private bool _isBackground;
    private bool _isOutputUnclear;
    private long _outputMax;
    private long _choices;
    private long _prompts;
    private int _images;

    public JsonFacts(ApiOperation operation, in ReadOnlySequence<byte> body)
    {
        (_operation, _body) = (operation, body);
        (_outputMax, _choices, _prompts) = (-1, 1, 1);
        _reader = body.IsSingleSegment
            ? new Utf8JsonReader(body.FirstSpan, Strict)
            : new Utf8JsonReader(body, Strict);
    }

    public RequestFacts Read()
    {
        try
        {
            if (!Utf8Check.IsValid(_body))
            {
                return new RequestFacts(BodyFault.NotUtf8);
            }

            ReadMembers();
        }
        catch (JsonException)
        {
            _fault = _reader.CurrentDepth >= DepthMax - 1 ? BodyFault.TooDeep : BodyFault.NotJson;
        }
        catch (InvalidOperationException)
        {
            _fault = BodyFault.NotUtf8;
        }

        return _fault != BodyFault.None
            ? new RequestFacts(_fault)
            : new RequestFacts(
                BodyFault.None,
                _model,
                _isStream,
                _asksForUsage,
                _isOutputUnclear || _outputMax < 0 ? null : _outputMax,
                _choices > long.MaxValue / _prompts ? long.MaxValue : _choices * _prompts,
                _hasUnseenContext,
                _isBackground,
                _images,
                _serviceTier,
                _namesOtherModels);
    }

    private void ReadMembers()
    {
        if (!_reader.Read() || _reader.TokenType != JsonTokenType.StartObject)
        {
            _fault = BodyFault.NotJson;
            return;
        }

        Span<byte> scratch = stackalloc byte[WordBytesMax];
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = BodyMembers.Of(JsonWords.Of(_reader, scratch), out var number);
            if (number >= 0 && (_seen & (1u << number)) != 0)
            {
                _fault = BodyFault.Repeated;
                return;
            }

            _seen |= number >= 0 ? 1u << number : 0;
            _reader.Read();
            TakeMember(member, scratch);
            if (_fault != BodyFault.None)
            {
                return;
            }

            _reader.Skip();
            while (_reader.CurrentDepth > 1)
            {
                _reader.Read();
            }
        }

        // Throws when anything but white space follows the object.
        _reader.Read();
    }

    private void TakeMember(BodyMember member, scoped Span<byte> scratch)
    {
        var type = _reader.TokenType;
        var isThere = type is not (JsonTokenType.Null or JsonTokenType.False);
        switch (member)
        {
            case BodyMember.Disguised:
                _fault = BodyFault.Unclear;
                break;
            case BodyMember.Model:
                TakeModel(isOurs: _operation.Model != ModelPlace.Nested);
                break;
            case BodyMember.Session when _operation.Model == ModelPlace.Nested && type == JsonTokenType.StartObject:
                TakeSession(scratch);
                break;
            case BodyMember.Stream:
                _isStream = type == JsonTokenType.True;
                break;
            case BodyMember.StreamOptions when type == JsonTokenType.StartObject:
                TakeStreamOptions(scratch);
                break;
            case BodyMember.MaxTokens or BodyMember.MaxCompletionTokens or BodyMember.MaxOutputTokens:
                TakeOutputMax(member);
                break;
            case BodyMember.N or BodyMember.BestOf:
                TakeChoices();
                break;
            case BodyMember.Prompt:
                TakePrompt();
                break;
            case BodyMember.Content:
                TakeContent(scratch);
                break;
            case BodyMember.Tools:
                TakeTools(scratch);
                break;
            case BodyMember.Reference:
                _hasUnseenContext |= isThere;
                break;
            case BodyMember.Background:
                _isBackground = isThere;
                break;
            case BodyMember.ServiceTier when type == JsonTokenType.String:
                // One that is longer is none that has a price.
                _serviceTier = ModelNames.Of(JsonWords.Of(_reader, scratch));
                break;
            case BodyMember.OtherModels:
                _namesOtherModels |= isThere;
                break;
            case BodyMember.Prediction:
                // What was predicted and not written is paid as output too.
                _isOutputUnclear |= isThere;
                break;
        }
    }

    private void TakeModel(bool isOurs)
    {
        if (!isOurs || _reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (_reader.TokenType != JsonTokenType.String)
        {
            _fault = BodyFault.Unclear;
            return;
        }

        var length = _reader.HasValueSequence ? _reader.ValueSequence.Length : _reader.ValueSpan.Length;
        if (length > 6 * ModelNames.CharactersMax)
        {
            _fault = BodyFault.LongModel;
            return;
        }

        if (!_reader.HasValueSequence && !_reader.ValueIsEscaped && length <= ModelNames.CharactersMax)
        {
            _model = ModelNames.Of(_reader.ValueSpan);
            return;
        }

        Span<byte> name = stackalloc byte[6 * ModelNames.CharactersMax];
        name = name[.._reader.CopyString(name)];
        if (Encoding.UTF8.GetCharCount(name) > ModelNames.CharactersMax)
        {
            _fault = BodyFault.LongModel;
            return;
        }

        _model = ModelNames.Of(name);
    }

    private void TakeSession(scoped Span<byte> scratch)
    {
        var isNamed = false;
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = BodyMembers.Of(JsonWords.Of(_reader, scratch), out _);
            _reader.Read();
            if (member == BodyMember.Disguised || (member == BodyMember.Model && isNamed))
            {
                _fault = member == BodyMember.Model ? BodyFault.Repeated : BodyFault.Unclear;
                return;
            }

            if (member == BodyMember.Model)
            {
                isNamed = true;
                TakeModel(isOurs: true);
            }

            _reader.Skip();
        }
    }

    private void TakeStreamOptions(scoped Span<byte> scratch)
    {
        var isSaid = false;
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var isOurs = Ascii.EqualsIgnoreCase(JsonWords.Of(_reader, scratch), "include_usage"u8);
            _reader.Read();
            if (isOurs)
            {
                _fault = isSaid ? BodyFault.Repeated : _fault;
                (isSaid, _asksForUsage) = (true, _reader.TokenType == JsonTokenType.True);
            }

            _reader.Skip();
        }
    }

    /// <summary>
    /// Only the names that this API knows: another one may be ignored by the provider, and must not bound anything.
    /// What is no whole number might be read as one by a lenient provider, so that then nothing is sure.
    /// </summary>
    private void TakeOutputMax(BodyMember member)
    {
        var isKnown = _operation.Shape switch
        {
            ApiShape.Chat => member != BodyMember.MaxOutputTokens,
            ApiShape.Completions or ApiShape.Messages => member == BodyMember.MaxTokens,
            ApiShape.Responses => member == BodyMember.MaxOutputTokens,
            _ => true,
        };
        if (!isKnown || _reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (_reader.TokenType == JsonTokenType.Number && _reader.TryGetInt64(out var tokens) && tokens >= 0)
        {
            _outputMax = Math.Max(_outputMax, tokens);
            return;
        }

        _isOutputUnclear = true;
    }

    private void TakeChoices()
    {
        if (_reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out var choices) || choices < 0)
        {
            _fault = BodyFault.Unclear;
            return;
        }

        _choices = Math.Max(_choices, choices);
    }

    /// <summary>A text, a list of texts, the tokens of one, a list of those; in Responses a template's id.</summary>
    private void TakePrompt()
    {
        if (_reader.TokenType == JsonTokenType.StartObject)
        {
            _hasUnseenContext = true;
        }

        if (_operation.Shape != ApiShape.Completions || _reader.TokenType != JsonTokenType.StartArray)
        {
            return;
        }

        var prompts = 0L;
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            prompts += _reader.TokenType == JsonTokenType.Number ? 0 : 1;
            _reader.Skip();
        }

        _prompts = Math.Max(1, prompts);
    }

    /// <summary>The model sees a function as it is written here; every other tool brings something along.</summary>
    private void TakeTools(scoped Span<byte> scratch)
    {
        if (_reader.TokenType != JsonTokenType.StartArray)
        {
            return;
        }

        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                _hasUnseenContext = true;
                _reader.Skip();
                continue;
            }

            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = JsonWords.Of(_reader, scratch);
                var isType = Ascii.EqualsIgnoreCase(name, "type"u8);
                var isModel = Ascii.EqualsIgnoreCase(name, "model"u8);
                _reader.Read();
                _namesOtherModels |= isModel && _reader.TokenType != JsonTokenType.Null;
                _hasUnseenContext |= isType && _reader.TokenType != JsonTokenType.Null
                    && !(_reader.TokenType == JsonTokenType.String
                        && ContentTypes.IsSeenTool(JsonWords.Of(_reader, scratch)));
                _reader.Skip();
            }
        }
    }

    private void TakeContent(scoped Span<byte> scratch)
    {
        if (_reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.StartObject))
        {
            // The parameter of a picture is a picture, whatever its value.
            _hasUnseenContext |= _operation.Shape == ApiShape.Image && _reader.TokenType != JsonTokenType.Null;
            return;
        }

        var depth = _reader.CurrentDepth;
        while (_reader.Read() && _reader.CurrentDepth > depth)
        {
            if (_reader.TokenType == JsonTokenType.PropertyName)
            {
                TakePart(scratch);
            }
        }
    }

    private void TakePart(scoped Span<byte> scratch)
    {
        var name = ContentTypes.NameOf(JsonWords.Of(_reader, scratch));
        if (name == PartName.Other)
        {
            return;
        }

        _reader.Read();
        var isText = _reader.TokenType == JsonTokenType.String;
        switch (name)
        {
            case PartName.Type when isText:
                var kind = ContentTypes.KindOf(JsonWords.Of(_reader, scratch));
                _images += kind == PartKind.Image ? 1 : 0;
                _hasUnseenContext |= kind == PartKind.Unseen;
                break;
            case PartName.Address when isText:
                _hasUnseenContext |= !JsonWords.StartsAsPicture(_reader);
                break;
            case PartName.Reference:
                _hasUnseenContext |= _reader.TokenType != JsonTokenType.Null;
                break;
            case PartName.Arguments when _reader.TokenType == JsonTokenType.StartObject:
                // What a model has once given a tool is plain text, though it may look like anything.
                _reader.Skip();
                break;
        }
    }
}
