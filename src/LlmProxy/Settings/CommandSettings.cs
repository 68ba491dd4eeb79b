namespace LlmProxy.Settings;

/// <summary>
/// Variables that other commands than <c>server</c> read; they may stand in the same <c>.env</c> file.
/// </summary>
internal static class CommandSettings
{
    public static void AddTo(SettingsReader settings)
    {
        settings.AlsoKnown("MANAGEMENT_API_BASE_URL",
            "Where `llm-proxy manage` finds the server; `http://localhost:8080` when not set.");
        settings.AlsoKnown("OPENAI_API_KEY",
            "Provider key that `setup` and `manage project create` take when no flag gives one.");
        settings.AlsoKnown("PROXY_URL",
            "Where `openai chat` and `benchmark` find the proxy; `http://localhost:8080` when not set.");
        settings.AlsoKnown("PROXY_TOKEN", "Token that `openai chat` and `benchmark` use when no flag gives one.");
    }
}
