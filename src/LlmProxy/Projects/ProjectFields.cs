using LlmProxy.Http;
using LlmProxy.Management;

namespace LlmProxy.Projects;

/// <summary>What the members of a project may hold.</summary>
internal static class ProjectFields
{
    public const int NameLengthMax = 100;
    public const int KeyLengthMax = 512;

    private const string Name = "name";
    private const string IsActive = "is_active";
    private const string ApiKey = "api_key";
    private const string RevokeTokens = "revoke_tokens";
    private const string OpenAiApiKey = "openai_api_key";

    public static Problem? FaultOf(JsonBody<CreateProject> body)
    {
        if (!body.Has(ApiKey) && !body.Has(OpenAiApiKey))
        {
            return Problems.MissingField(ApiKey);
        }

        return FaultOfName(body.Value.Name) ?? FaultOfKeys(body, body.Value.ApiKey, body.Value.OpenaiApiKey);
    }

    public static Problem? FaultOf(JsonBody<ChangeProject> body)
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

    public static ProjectChange ChangeOf(JsonBody<ChangeProject> body) => new(
        body.Has(Name) ? body.Value.Name : null,
        body.Has(ApiKey) || body.Has(OpenAiApiKey) ? body.Value.Key() : null,
        body.Has(IsActive) ? body.Value.IsActive : null);

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
