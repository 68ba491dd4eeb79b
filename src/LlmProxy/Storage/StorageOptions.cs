using LlmProxy.Settings;

namespace LlmProxy.Storage;

/// <summary>Where the database is.</summary>
internal sealed record StorageOptions(string Path)
{
    public static StorageOptions Read(SettingsReader settings) => new(settings.Text(
        "DATABASE_PATH", "./data/llm-proxy.db", "The SQLite database file; made with mode 0600 when it is not there."));
}
