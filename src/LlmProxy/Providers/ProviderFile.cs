using LlmProxy.Http;

namespace LlmProxy.Providers;

/// <summary>The settings that reach into the provider file.</summary>
/// <param name="OpenAiUrl">Takes the place of <c>base_url</c> of the provider <c>openai</c>.</param>
/// <param name="AllowHttp">Whether <c>base_url</c> may be plain http to another machine.</param>
/// <param name="ResponseHeaderMax">No provider waits longer than this for an answer's headers.</param>
internal sealed record ProviderOverrides(BaseUrl? OpenAiUrl, bool AllowHttp, TimeSpan ResponseHeaderMax)
{
    /// <summary>The name of the provider that <c>OPENAI_API_URL</c> is about.</summary>
    public const string OpenAi = "openai";
}

/// <summary>What a provider file says, once it is known to be right.</summary>
internal sealed record ProviderFile(IReadOnlyList<Provider> Providers, string? DefaultName)
{
    private const int NameLengthMax = 64;

    /// <summary>Beside <see cref="OwnPaths"/>: what would hide the default provider or a page of ours.</summary>
    private static readonly string[] ReservedNames = ["v1", "scalar"];

    /// <summary>Null when it cannot be used; <paramref name="complain"/> was told why.</summary>
    public static ProviderFile? Read(string yaml, string file, ProviderOverrides overrides, Action<string> complain)
    {
        var isRight = true;
        var complaints = new ConfigComplaints(file, sentence =>
        {
            isRight = false;
            complain(sentence);
        });
        try
        {
            var root = ConfigDocument.Read(yaml) ?? throw new ConfigFault(new ConfigPlace(1, 1), "has no content.");
            var read = root.Entries is null
                ? throw new ConfigFault(root.Place, "must be a map with the keys default_api and apis.")
                : ReadRoot(new ConfigSection(root, string.Empty, complaints), overrides, complaints);
            return isRight ? read : null;
        }
        catch (ConfigFault fault)
        {
            complaints.Add(fault.Place, fault.Message);
            return null;
        }
    }

    private static ProviderFile ReadRoot(ConfigSection root, ProviderOverrides overrides, ConfigComplaints complaints)
    {
        var defaultApi = root.Text("default_api");
        var apis = root.Section("apis");
        root.RefuseUnknown();
        if (apis is null or { Entries.Count: 0 })
        {
            complaints.Add(apis?.Place ?? root.Place, "apis must name at least one provider.");
            return new ProviderFile([], null);
        }

        var providers = new List<Provider>();
        foreach (var entry in apis.Entries)
        {
            if (FaultOfName(entry.Key) is { } fault)
            {
                complaints.Add(entry.Place, $"apis: the provider name '{entry.Key}' {fault}.");
            }
            else if (apis.Section(entry.Key) is not { } section)
            {
                complaints.Add(entry.Place, $"apis.{entry.Key} has no settings.");
            }
            else if (new ProviderSection(section, complaints).Read(entry.Key, overrides) is { } provider)
            {
                providers.Add(provider);
            }
        }

        if (defaultApi is { Text: { } name } && apis.Entries.All(entry => entry.Key != name))
        {
            complaints.Add(defaultApi.Place, $"default_api names '{name}', which apis does not have.");
        }

        return new ProviderFile(providers, defaultApi?.Text);
    }

    /// <summary>The name is a path segment that clients type.</summary>
    private static string? FaultOfName(string name) => name switch
    {
        { Length: 0 or > NameLengthMax } => $"must have 1 to {NameLengthMax} characters",
        _ when name.Any(static character => !char.IsAsciiLetterLower(character) && !char.IsAsciiDigit(character)
            && character is not ('-' or '_')) => "may have small letters, digits, '-' and '_' only",
        _ when OwnPaths.All.Concat(ReservedNames).Contains(name, StringComparer.Ordinal) =>
            "is a path of the proxy itself",
        _ => null,
    };
}
