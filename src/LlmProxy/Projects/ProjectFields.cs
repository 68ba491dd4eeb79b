using LlmProxy.Events;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Management;
using LlmProxy.Secrets;

namespace LlmProxy.Projects;

/// <summary>What the members of a project may hold.</summary>
internal static class ProjectFields
{
    public const int NameLengthMax = 100;
    public const int KeyLengthMax = 512;

    private const int DaysMax = 3_650;
    private const string Name = "name";
    private const string IsActive = "is_active";
    private const string ApiKey = "api_key";
    private const string ExpiresAt = "expires_at";
    private const string RevokeTokens = "revoke_tokens";
    private const string CaptureBodies = "capture_bodies";
    private const string OpenAiApiKey = "openai_api_key";

    /// <summary>The project that the body asks for, or what is wrong with it.</summary>
    public static (Problem? Problem, ProjectOrder? Order) Read(JsonBody<CreateProject> body, DateTimeOffset now)
    {
        if (!body.Has(ApiKey) && !body.Has(OpenAiApiKey))
        {
            return (Problems.MissingField(ApiKey), null);
        }

        var wanted = body.Value;
        var (limitProblem, limits) = LimitFields.Read(body);
        var (endProblem, end) = ReadEnd(wanted.ExpiresAt, now);
        var problem = FaultOfName(wanted.Name) ?? FaultOfKeys(body, wanted.ApiKey, wanted.OpenaiApiKey)
            ?? endProblem ?? FaultOfCapture(wanted.CaptureBodies) ?? limitProblem;
        return problem is null
            ? (null, new ProjectOrder(wanted.Name, wanted.Key(), end.At, CaptureOf(wanted.CaptureBodies), limits))
            : (problem, null);
    }

    /// <summary>The change that the body asks for, or what is wrong with it.</summary>
    public static (Problem? Problem, ProjectChange? Change) Read(JsonBody<ChangeProject> body, DateTimeOffset now)
    {
        var wanted = body.Value;
        var (limitProblem, limits) = LimitFields.Read(body);
        var (endProblem, end) = ReadEnd(wanted.ExpiresAt, now);
        if ((FaultOf(body) ?? endProblem ?? FaultOfCapture(wanted.CaptureBodies) ?? limitProblem) is { } problem)
        {
            return (problem, null);
        }

        return (null, new ProjectChange(
            body.Has(Name) ? wanted.Name : null,
            body.Has(ApiKey) || body.Has(OpenAiApiKey) ? wanted.Key() : null,
            body.Has(IsActive) ? wanted.IsActive : null)
        {
            End = body.Has(ExpiresAt) ? end : null,
            Capture = body.Has(CaptureBodies) ? new ProjectCapture(CaptureOf(wanted.CaptureBodies)) : null,
            Limits = limits,
        });
    }

    private static Problem? FaultOf(JsonBody<ChangeProject> body)
    {
        if (body.MemberCount == 0)
        {
            return Problems.NothingToChange;
        }

        if (body.Value is { RevokeTokens: true } && (body.Value.IsActive || !body.Has(IsActive)))
        {
            return Problems.InvalidField(RevokeTokens, $"stand beside '{IsActive}': false");
        }

        return (body.Has(Name) ? FaultOfName(body.Value.Name) : null)
            ?? FaultOfKeys(body, body.Value.ApiKey, body.Value.OpenaiApiKey);
    }

    private static (Problem? Problem, ProjectEnd End) ReadEnd(string? text, DateTimeOffset now)
    {
        if (text is null)
        {
            return (null, default);
        }

        var (problem, at) = InstantField.Read(ExpiresAt, text, now, DaysMax);
        return (problem, new ProjectEnd(at));
    }

    private static Problem? FaultOfCapture(string? word) => word is null || EventOptions.BodyWords.Contains(word)
        ? null
        : Problems.InvalidField(CaptureBodies, $"be one of {string.Join(", ", EventOptions.BodyWords)}, or null");

    private static BodyPolicy? CaptureOf(string? word) =>
        word is null ? null : (BodyPolicy)Array.IndexOf(EventOptions.BodyWords, word);

    private static Problem? FaultOfName(string name)
    {
        if (name.Length is 0 or > NameLengthMax)
        {
            return Problems.InvalidField(Name, $"have 1 to {NameLengthMax} characters");
        }

        return name != name.Trim() ? Problems.InvalidField(Name, "not begin or end with a space") : null;
    }

    private static Problem? FaultOfKeys<T>(JsonBody<T> body, string key, string openAiKey)
        where T : class
    {
        if (body.Has(ApiKey) && body.Has(OpenAiApiKey))
        {
            return Problems.InvalidField(OpenAiApiKey, $"not stand beside '{ApiKey}', which is the same field");
        }

        return (body.Has(ApiKey) ? FaultOfKey(ApiKey, key) : null)
            ?? (body.Has(OpenAiApiKey) ? FaultOfKey(OpenAiApiKey, openAiKey) : null);
    }

    /// <summary>A key becomes the value of a header, so it may hold what such a value may and nothing else.</summary>
    private static Problem? FaultOfKey(string field, string key)
    {
        if (key.Length is 0 or > KeyLengthMax || key.Any(character => character is < '!' or > '~'))
        {
            return Problems.InvalidField(field, $"have 1 to {KeyLengthMax} visible ASCII characters");
        }

        // What user interfaces show instead of a key, and what people then copy.
        return key.Contains("...", StringComparison.Ordinal) || key.Contains("****", StringComparison.Ordinal)
            ? Problems.InvalidField(field, "be the whole key, not its shortened form")
            : null;
    }
}

/// <summary>A project that is wanted. Not a record, because records print their members.</summary>
internal sealed class ProjectOrder(
    string name, Secret providerKey, DateTimeOffset? end, BodyPolicy? captureBodies, LimitChange limits)
{
    public string Name => name;

    public Secret ProviderKey => providerKey;

    /// <summary>Null is never.</summary>
    public DateTimeOffset? End => end;

    /// <summary>Null leaves it to the setting.</summary>
    public BodyPolicy? CaptureBodies => captureBodies;

    public LimitChange Limits => limits;
}
