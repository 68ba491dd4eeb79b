using System.CommandLine;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy setup</c>: the flags of it. What it does is in <see cref="Setup"/>.</summary>
internal sealed class SetupCommand(Entrypoints entrypoints, Workplace place)
{
    private readonly Option<string> _config = new("--config")
    {
        HelpName = "file",
        Description = "The settings file to make or to complete.",
        DefaultValueFactory = static _ => ".env",
    };
    private readonly Option<string?> _key = new("--openai-key", "--api-key")
    {
        HelpName = "key",
        Description = "The provider's API key (OPENAI_API_KEY); - reads it from the input. It goes into the project.",
    };
    private readonly Option<string?> _credential = new("--management-token")
    {
        HelpName = "token",
        Description = "The server's management token (MANAGEMENT_TOKEN); generated when not given.",
    };
    private readonly Option<string?> _database = new("--db")
    {
        HelpName = "file",
        Description = $"The database file (DATABASE_PATH); {Setup.DatabaseByDefault} when not given.",
    };
    private readonly Option<string?> _address = new("--addr")
    {
        HelpName = "address",
        Description = $"The address to listen on (LISTEN_ADDR); {Setup.AddressByDefault} when not given.",
        CustomParser = OptionForms.Address,
    };
    private readonly Option<string?> _project = new("--project")
    {
        HelpName = "name",
        Description = $"The name of the first project; {Setup.ProjectByDefault} when not given.",
    };
    private readonly Option<TimeSpan?> _duration = new("--duration")
    {
        HelpName = "duration",
        Description = "How long the first token lives: hours as a bare number, or 90m, 24h, 7d; 24h when not given.",
        CustomParser = OptionForms.Lifetime,
    };
    private readonly Option<bool> _skip = new("--skip-project")
    {
        Description = "Make no project and no token, only the file.",
    };
    private readonly Option<bool> _newToken = new("--new-token")
    {
        Description = "When the project is there already: make another token.",
    };
    private readonly Option<bool> _interactive = new("--interactive")
    {
        Description = "Ask, even when the input is not a terminal.",
    };
    private readonly Option<bool> _quiet = new("--non-interactive")
    {
        Description = "Do not ask, even on a terminal.",
    };

    public Verb Create()
    {
        var setup = new Verb(
            "setup",
            "Write the settings file, make the first project and its first token. On a terminal it asks for what no "
            + "flag gives. Run again, it keeps everything that is there.",
            "llm-proxy setup",
            "llm-proxy setup --openai-key - --duration 7d < key.txt",
            "llm-proxy setup --skip-project --config /etc/llm-proxy/env --db /var/lib/llm-proxy/llm-proxy.db")
        {
            _config, _key, _credential, _database, _address, _project, _duration, _skip, _newToken,
            _interactive, _quiet,
        };
        setup.Validators.Add(result =>
        {
            if (result.GetValue(_interactive) && result.GetValue(_quiet))
            {
                result.AddError("--interactive and --non-interactive exclude each other.");
            }
        });
        setup.SetAction(RunAsync);
        return setup;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken stop)
    {
        var wishes = new SetupWishes
        {
            File = place.PathOf(parsed.GetRequiredValue(_config)),
            ProviderKey = await Credential.ReadAsync(parsed.GetValue(_key), _key, place.Terminal, stop),
            ManagementToken = parsed.GetValue(_credential),
            Database = parsed.GetValue(_database),
            Address = parsed.GetValue(_address),
            Project = parsed.GetValue(_project),
            Lifetime = parsed.GetValue(_duration),
            SkipsProject = parsed.GetValue(_skip),
            WantsNewToken = parsed.GetValue(_newToken),
            Asks = parsed.GetValue(_interactive) || (place.Terminal.InputIsTerminal && !parsed.GetValue(_quiet)),
        };
        return await new Setup(entrypoints, place, wishes).RunAsync(stop);
    }
}
