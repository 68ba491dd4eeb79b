using System.CommandLine;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy manage</c>: projects and tokens, through the management API of a running server.</summary>
internal static class ManageCommand
{
    public static Verb Create(Workplace place)
    {
        var options = new ManageOptions(place);
        var manage = new Verb(
            "manage",
            "Manage projects, tokens and the cache of a running server, and see what was used.",
            "llm-proxy manage project list",
            "llm-proxy manage token generate --project-id 019aa2f0-5b1c-7c3e-9d53-0a4b8f1e2c6d --duration 7d")
        {
            ProjectCommands.Create(place, options),
            TokenCommands.Create(place, options),
            UsageCommand.Create(place, options),
            CacheCommands.Create(place, options),
        };
        options.AddTo(manage);
        return manage;
    }
}

/// <summary>What all commands below <c>manage</c> share: the server, the credential, the form of results.</summary>
internal sealed class ManageOptions(Workplace place)
{
    private const string ServerSetting = "MANAGEMENT_API_BASE_URL";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Option<string?> _server = new("--manage-api-base-url")
    {
        HelpName = "url",
        Recursive = true,
        Description = "Where the server is (MANAGEMENT_API_BASE_URL); http://localhost:8080 when not given.",
    };

    private readonly Option<string?> _credential = new("--management-token")
    {
        HelpName = "token",
        Recursive = true,
        Description = "The server's management token (MANAGEMENT_TOKEN, also from ./.env); - reads it from the input.",
    };

    private readonly Option<bool> _json = new("--json")
    {
        Recursive = true,
        Description = "Print JSON, as the API answers it.",
    };

    public void AddTo(Command manage)
    {
        manage.Add(_server);
        manage.Add(_credential);
        manage.Add(_json);
    }

    public bool WantsJson(ParseResult parsed) => parsed.GetValue(_json);

    public async Task<ApiClient> ConnectAsync(ParseResult parsed, CancellationToken stop)
    {
        var server = parsed.GetValue(_server) is { } flag
            ? ServerAddress.Parse(flag, "/manage", _server.Name)
            : ServerAddress.Parse(place.Setting(ServerSetting) ?? "http://localhost:8080", "/manage", ServerSetting);
        var credential = await Credential.ReadAsync(parsed.GetValue(_credential), _credential, place.Terminal, stop)
            ?? (place.Setting("MANAGEMENT_TOKEN") is { } setting
                ? Credential.Check(setting, "MANAGEMENT_TOKEN")
                : throw CommandFailure.Usage(
                    "The management token is missing: give --management-token or set MANAGEMENT_TOKEN."));
        return new ApiClient(server, credential, Patience);
    }

    /// <summary>An id as part of a path. Other characters would make it another path.</summary>
    public static string Checked(string id) =>
        id.Length is > 0 and <= 128 && id.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            ? id
            : throw CommandFailure.Usage($"'{id}' is not an id: ids are letters, digits and dashes.");
}
