using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace LlmProxy.Cli;

/// <summary>
/// The limits as options, the same for tokens and projects. What was given goes into the request as it is; what was not
/// given is no member of it.
/// </summary>
internal sealed class LimitOptions
{
    private const long CountMax = 1_000_000_000_000;
    private const long PerMinuteMax = 1_000_000_000;
    private const long ConcurrentMax = 1_000_000;

    private readonly bool _isChange;
    private readonly List<(string Member, Option<long?> Option)> _numbers;
    private readonly Option<string?> _cost;
    private readonly List<(string Member, Option<string[]> Set, Option<bool> TakeAway)> _lists;

    private LimitOptions(bool isChange)
    {
        _isChange = isChange;
        _numbers =
        [
            ("max_requests", Number("--max-requests", CountMax, "Requests in all.")),
            ("requests_per_minute", Number("--requests-per-minute", PerMinuteMax, "Requests in a minute.")),
            ("max_concurrent", Number("--max-concurrent", ConcurrentMax, "Requests at the same time.")),
            ("max_tokens", Number("--max-tokens", CountMax, "Prompt and completion tokens in all.")),
            ("tokens_per_minute",
                Number("--tokens-per-minute", PerMinuteMax, "Prompt and completion tokens in a minute.")),
        ];
        _cost = new Option<string?>("--max-cost-usd")
        {
            HelpName = "dollars",
            Description = $"US dollars in all, such as 10.50. {Zero}",
            CustomParser = OptionForms.Dollars,
        };
        _lists =
        [
            ("allowed_models", List("--allowed-model", "pattern", "A model that may be named, as a pattern."),
                TakeAway("--no-allowed-models", "Any model may be named again.")),
            ("allowed_endpoints", List("--allowed-endpoint", "path", "An endpoint that may be called."),
                TakeAway("--no-allowed-endpoints", "All endpoints of the provider may be called again.")),
            ("allowed_origins", List("--allowed-origin", "origin", "A web page's origin that may use it."),
                TakeAway("--no-allowed-origins", "It may be used from anywhere again.")),
        ];
    }

    /// <summary>For the command of something new, where no limit need be taken away.</summary>
    public static LimitOptions ForNew() => new(isChange: false);

    public static LimitOptions ForChange() => new(isChange: true);

    public void AddTo(Command command)
    {
        _numbers.ForEach(number => command.Add(number.Option));
        command.Add(_cost);
        foreach (var (_, set, takeAway) in _lists)
        {
            command.Add(set);
            if (_isChange)
            {
                command.Add(takeAway);
            }
        }
    }

    /// <summary>The request with the members of <see cref="Read"/>, all in one object.</summary>
    public static JsonObject Join<T>(T request, JsonTypeInfo<T> form, JsonObject limits)
    {
        var body = JsonSerializer.SerializeToNode(request, form)!.AsObject();
        foreach (var (member, value) in limits)
        {
            body[member] = value?.DeepClone();
        }

        return body;
    }

    /// <summary>The members to send, as many as limits were given.</summary>
    public JsonObject Read(ParseResult parsed)
    {
        var members = new JsonObject();
        foreach (var (member, option) in _numbers)
        {
            if (parsed.GetValue(option) is { } number && (_isChange || number != 0))
            {
                members[member] = JsonValue.Create(number);
            }
        }

        if (parsed.GetValue(_cost) is { } cost)
        {
            members["max_cost_usd"] = JsonValue.Create(cost);
        }

        foreach (var (member, set, takeAway) in _lists)
        {
            var entries = parsed.GetValue(set) ?? [];
            var isTakenAway = _isChange && parsed.GetValue(takeAway);
            if (isTakenAway && entries.Length > 0)
            {
                throw CommandFailure.Usage($"{set.Name} does not go together with {takeAway.Name}.");
            }

            if (isTakenAway || entries.Length > 0)
            {
                members[member] = isTakenAway
                    ? null
                    : new JsonArray([.. entries.Select(static entry => (JsonNode?)JsonValue.Create(entry))]);
            }
        }

        return members;
    }

    private string Zero => _isChange ? "0 takes the limit away." : "Without it, or with 0, there is no limit.";

    private Option<long?> Number(string name, long max, string meaning) => new(name)
    {
        HelpName = "count",
        Description = $"{meaning} {Zero}",
        CustomParser = result => OptionForms.Count(result, max),
    };

    private static Option<string[]> List(string name, string form, string meaning) => new(name)
    {
        HelpName = form,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        Description = $"{meaning} Give it once for each; without it there is no such limit.",
    };

    private static Option<bool> TakeAway(string name, string meaning) => new(name) { Description = meaning };
}
