using LlmProxy.Settings;

namespace LlmProxy.Providers;

/// <summary>The providers, from the file that <c>API_CONFIG_PATH</c> names or the one that is built in.</summary>
/// <param name="Table">Null only when the settings have complaints, with which the program does not start.</param>
internal sealed record ProviderOptions(ProviderTable? Table)
{
    private const string DefaultPath = "./config/api_providers.yaml";
    private const string BuiltIn = "api_providers.yaml";

    public static ProviderOptions Read(SettingsReader settings)
    {
        var path = settings.TextOrNull("API_CONFIG_PATH",
            $"The provider file; `{DefaultPath}` when it is there, else the one that is built in.");
        var chosen = settings.TextOrNull("DEFAULT_API_PROVIDER",
            "The provider behind `/v1/*`; when not set, `default_api` of the provider file.");
        var allowHttp = settings.Switch("ALLOW_HTTP_UPSTREAM", false,
            "Allows providers over plain http on other machines, to whom the provider key is then sent in clear.");
        var openAiUrl = ReadOpenAiUrl(settings, allowHttp);
        var responseHeaderMax = settings.Duration("REQUEST_TIMEOUT", TimeSpan.FromMinutes(10),
            ProviderSection.TimeoutMin, ProviderSection.TimeoutMax,
            "The longest wait for the headers of a provider's answer; bounds `response_header` of every provider.");

        var text = path is null && !File.Exists(DefaultPath)
            ? ConfigFile.BuiltIn(BuiltIn)
            : ConfigFile.Read(path ?? DefaultPath, "provider file", "API_CONFIG_PATH", settings);
        if (text is not { } source)
        {
            return new ProviderOptions(Table: null);
        }

        var overrides = new ProviderOverrides(openAiUrl, allowHttp, responseHeaderMax);
        var file = ProviderFile.Read(source.Yaml, source.Name, overrides, settings.Complain);
        return new ProviderOptions(file is null ? null : TableOf(file, source.Name, chosen, overrides, settings));
    }

    private static ProviderTable? TableOf(
        ProviderFile file, string source, string? chosen, ProviderOverrides overrides, SettingsReader settings)
    {
        if (overrides.OpenAiUrl is not null && Find(ProviderOverrides.OpenAi) is null)
        {
            settings.Complain($"OPENAI_API_URL is about the provider 'openai', which {source} does not have.");
        }

        if (chosen is not null)
        {
            return Find(chosen) is { } named ? new ProviderTable(file.Providers, named) : Complain(
                $"DEFAULT_API_PROVIDER names '{chosen}', but {source} has {Names()} only.");
        }

        return (file.DefaultName, file.Providers) switch
        {
            ({ } name, _) => new ProviderTable(file.Providers, Find(name)!),
            (null, [var only]) => new ProviderTable(file.Providers, only),
            _ when Find(ProviderOverrides.OpenAi) is { } openAi => new ProviderTable(file.Providers, openAi),
            _ => Complain($"DEFAULT_API_PROVIDER must be one of {Names()}, because {source} has no default_api."),
        };

        Provider? Find(string name) => file.Providers.FirstOrDefault(provider => provider.Name == name);

        string Names() => string.Join(", ", file.Providers.Select(static provider => provider.Name));

        ProviderTable? Complain(string sentence)
        {
            settings.Complain(sentence);
            return null;
        }
    }

    private static BaseUrl? ReadOpenAiUrl(SettingsReader settings, bool allowHttp)
    {
        var text = settings.TextOrNull("OPENAI_API_URL", "Takes the place of `base_url` of the provider `openai`.");
        if (text is null)
        {
            return null;
        }

        var url = BaseUrl.Parse(text, allowHttp, out var wrong);
        if (url is null)
        {
            settings.Complain($"OPENAI_API_URL must be an https URL: it {wrong}.");
        }

        return url;
    }
}
