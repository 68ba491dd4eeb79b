using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

/// <summary>What one request is billed for.</summary>
/// <param name="Model">As the request named it.</param>
/// <param name="Usage">What it costs when it is answered to the end.</param>
/// <param name="IsTold">Whether the answer says so too.</param>
internal sealed record Charge(string Model, WordUsage Usage, bool IsTold)
{
    /// <summary>Whether the answer gives numbers that one can count with.</summary>
    public bool IsReported => IsTold && Usage.IsReadable;
}

/// <summary>
/// The provider's own account of what it delivered, so that a test can hold somebody else's account against it.
/// </summary>
internal sealed class Bill
{
    private const int ModelsMax = 1_000;
    private const int ModelCharactersMax = 200;
    private const string OtherModels = "(others)";

    private readonly Lock _lock = new();

    // All guarded by _lock.
    private readonly SortedDictionary<string, Sum> _models = new(StringComparer.Ordinal);
    private readonly Sum _unreported = new();
    private readonly Sum _aborted = new();

    /// <summary>Answered to the end.</summary>
    public void Add(Charge charge)
    {
        lock (_lock)
        {
            var sum = charge.IsReported ? SumOf(charge.Model) : _unreported;
            sum.Add(charge.Usage);
        }
    }

    /// <summary>Ended before its end, whoever did that.</summary>
    public void AddAborted(Charge charge, long wordsWritten)
    {
        lock (_lock)
        {
            _aborted.Add(new WordUsage(charge.Usage.Input, wordsWritten));
        }
    }

    public void Reset()
    {
        lock (_lock)
        {
            _models.Clear();
            _unreported.Reset();
            _aborted.Reset();
        }
    }

    public void Write(Utf8JsonWriter json)
    {
        lock (_lock)
        {
            json.WriteStartObject();
            json.WriteStartObject("models"u8);
            foreach (var (model, sum) in _models)
            {
                json.WritePropertyName(model);
                sum.Write(json, isWhole: true);
            }

            json.WriteEndObject();
            json.WritePropertyName("unreported"u8);
            _unreported.Write(json, isWhole: false);
            json.WritePropertyName("aborted"u8);
            _aborted.Write(json, isWhole: false);
            json.WriteEndObject();
        }
    }

    private Sum SumOf(string model)
    {
        if (_models.TryGetValue(model, out var known))
        {
            return known;
        }

        var name = _models.Count < ModelsMax && model.Length <= ModelCharactersMax ? model : OtherModels;
        if (!_models.TryGetValue(name, out var sum))
        {
            sum = new Sum();
            _models.Add(name, sum);
        }

        return sum;
    }

    private sealed class Sum
    {
        private long _requests;
        private WordUsage _usage;

        public void Add(WordUsage usage)
        {
            _requests++;
            _usage = new WordUsage(_usage.Input + usage.Input, _usage.Output + usage.Output)
            {
                Cached = _usage.Cached + usage.Cached,
                Reasoning = _usage.Reasoning + usage.Reasoning,
            };
        }

        public void Reset() => (_requests, _usage) = (0, default);

        public void Write(Utf8JsonWriter json, bool isWhole)
        {
            json.WriteStartObject();
            json.WriteNumber("requests"u8, _requests);
            json.WriteNumber("prompt_tokens"u8, _usage.Input);
            if (isWhole)
            {
                json.WriteNumber("cached_tokens"u8, _usage.Cached);
                json.WriteNumber("reasoning_tokens"u8, _usage.Reasoning);
            }

            json.WriteNumber("completion_tokens"u8, _usage.Output);
            json.WriteEndObject();
        }
    }
}
