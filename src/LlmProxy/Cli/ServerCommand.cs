using System.CommandLine;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy server</c>: runs the proxy. A flag stands for a setting, and wins.</summary>
internal sealed class ServerCommand(Entrypoints entrypoints)
{
    private readonly (string Setting, Option<string?> Flag)[] _settings =
    [
        ("LISTEN_ADDR", new Option<string?>("--addr")
        {
            HelpName = "address",
            Description = "Address to listen on, host:port or :port for every interface (LISTEN_ADDR).",
        }),
        ("DATABASE_PATH", new Option<string?>("--db")
        {
            HelpName = "file",
            Description = "SQLite database file, made when it is not there (DATABASE_PATH).",
        }),
        ("API_CONFIG_PATH", new Option<string?>("--config", "-c")
        {
            HelpName = "file",
            Description = "YAML file with the providers (API_CONFIG_PATH).",
        }),
        ("ENV", new Option<string?>("--env")
        {
            HelpName = "file",
            Description = "File with settings, NAME=value a line (ENV); .env when it is there.",
        }),
        ("LOG_LEVEL", new Option<string?>("--log-level")
        {
            HelpName = "level",
            Description = "Least level that is logged: trace, debug, info, warn or error (LOG_LEVEL).",
        }),
        ("LOG_FILE", new Option<string?>("--log-file")
        {
            HelpName = "file",
            Description = "File to append log lines to, instead of standard error (LOG_FILE).",
        }),
        ("FILE_EVENT_LOG", new Option<string?>("--file-event-log")
        {
            HelpName = "file",
            Description = "File to append events to, a JSON line for each exchange (FILE_EVENT_LOG).",
        }),
    ];

    public Verb Create()
    {
        var server = new Verb(
            "server",
            "Run the proxy. Settings come from flags, then the environment, then the .env file, then defaults.",
            "llm-proxy server",
            "llm-proxy server --addr :9000 --db /var/lib/llm-proxy/llm-proxy.db",
            "llm-proxy --addr 127.0.0.1:8080 --log-level debug");
        foreach (var (_, flag) in _settings)
        {
            server.Add(flag);
        }

        server.SetAction((parsed, stop) =>
            entrypoints.RunServer(
                _settings.ToDictionary(
                    static setting => setting.Setting,
                    setting => parsed.GetValue(setting.Flag),
                    StringComparer.Ordinal),
                stop));
        return server;
    }
}
