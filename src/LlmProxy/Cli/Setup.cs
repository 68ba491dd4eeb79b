using System.Security.Cryptography;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary>What the flags of <c>setup</c> say; null where nothing. A record would print the secrets.</summary>
internal sealed class SetupWishes
{
    public required string File { get; init; }

    public string? ProviderKey { get; init; }

    public string? ManagementToken { get; init; }

    public string? Database { get; init; }

    public string? Address { get; init; }

    public string? Project { get; init; }

    public TimeSpan? Lifetime { get; init; }

    public bool SkipsProject { get; init; }

    public bool WantsNewToken { get; init; }

    public bool Asks { get; init; }
}

/// <summary>
/// From nothing to a token that works: completes the settings file, starts the server on it in this process, and makes
/// project and token through its API.
/// </summary>
internal sealed class Setup(Entrypoints entrypoints, Workplace place, SetupWishes wishes)
{
    public const string DatabaseByDefault = "data/llm-proxy.db";
    public const string AddressByDefault = "127.0.0.1:8080";
    public const string ProjectByDefault = "DefaultProject";

    private const int ManagementTokenLengthMin = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Terminal _terminal = place.Terminal;

    public async Task<int> RunAsync(CancellationToken stop)
    {
        // Everything is known and checked before anything is written.
        var file = await EnvDocument.ReadAsync(wishes.File, stop);
        var managementToken = Choose(file, "MANAGEMENT_TOKEN", "--management-token", wishes.ManagementToken)
            ?? RandomNumberGenerator.GetHexString(64, lowercase: true);
        if (Credential.Check(managementToken, "MANAGEMENT_TOKEN").Length < ManagementTokenLengthMin)
        {
            throw CommandFailure.Usage($"MANAGEMENT_TOKEN must have at least {ManagementTokenLengthMin} characters.");
        }

        var database = Choose(file, "DATABASE_PATH", "--db", wishes.Database)
            ?? await AskAsync("Database file", DatabaseByDefault, stop);
        var address = Choose(file, "LISTEN_ADDR", "--addr", wishes.Address)
            ?? await AskAsync("Listen address", AddressByDefault, stop);
        if (ListenAddress.Parse(address) is null)
        {
            throw CommandFailure.Usage($"LISTEN_ADDR must be {ListenAddress.Expected}, not '{address}'.");
        }

        var first = await PlanProjectAsync(file, stop);
        await WriteAsync(
            file, [("MANAGEMENT_TOKEN", managementToken), ("DATABASE_PATH", database), ("LISTEN_ADDR", address)], stop);
        return first is null ? Done() : await CreateAsync(first, managementToken, database, stop);
    }

    /// <summary>
    /// A setting as the server will see it: flag, environment, file. Null when nobody has said anything yet. A flag
    /// that contradicts the file is refused, because the file is not ours to change.
    /// </summary>
    private string? Choose(EnvDocument file, string name, string flagName, string? flag)
    {
        var (inEnvironment, inFile) = (place.Variable(name), file.Value(name));
        if (flag is not null && inFile is not null && flag != inFile)
        {
            throw CommandFailure.Usage(
                $"{file.Path} has another {name} already: change it there, or leave {flagName} out.");
        }

        if (inEnvironment is not null && inFile is not null && inEnvironment != inFile)
        {
            _terminal.Note($"{name} of the environment is not the one in {file.Path}; the environment's is used.");
        }

        return flag ?? inEnvironment ?? inFile;
    }

    private async Task<FirstProject?> PlanProjectAsync(EnvDocument file, CancellationToken stop)
    {
        var isWanted = !wishes.SkipsProject
            && (!wishes.Asks || wishes.Project is not null
                || await _terminal.ConfirmAsync("Make a first project and a token?", byDefault: true, stop));
        if (!isWanted)
        {
            return null;
        }

        var name = wishes.Project ?? await AskAsync("Project name", ProjectByDefault, stop);
        var key = wishes.ProviderKey ?? place.Variable("OPENAI_API_KEY") ?? file.Value("OPENAI_API_KEY");
        if (key is null && wishes.Asks)
        {
            key = await _terminal.AskSecretAsync("The provider's API key", stop);
        }

        // With --new-token the project is there, and has its key.
        if (string.IsNullOrEmpty(key) && !wishes.WantsNewToken)
        {
            throw CommandFailure.Usage(
                "The provider's API key is missing: give --openai-key or set OPENAI_API_KEY, or leave the project out "
                + "with --skip-project.");
        }

        var lifetime = wishes.Lifetime ?? OptionForms.ReadLifetime(await AskAsync("Token lifetime", "24h", stop))
            ?? throw CommandFailure.Usage($"The token lifetime must be {OptionForms.LifetimeForm}.");
        return new FirstProject(
            name, string.IsNullOrEmpty(key) ? null : Credential.Check(key, "The provider's API key"), lifetime);
    }

    private async Task WriteAsync(
        EnvDocument file, IReadOnlyList<(string Name, string Value)> settings, CancellationToken stop)
    {
        foreach (var (name, value) in settings.Where(setting => file.Value(setting.Name) is null))
        {
            file.Add(name, value);
        }

        await file.SaveAsync(stop);
        _terminal.Note(file.Added.Count == 0
            ? $"{file.Path} has all settings already; nothing was changed."
            : $"Wrote {string.Join(", ", file.Added)} to {file.Path}, which only you can read.");
    }

    private async Task<int> CreateAsync(
        FirstProject first, string managementToken, string database, CancellationToken stop)
    {
        await using var server = await entrypoints.StartServer(
            new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["ENV"] = wishes.File,
                ["MANAGEMENT_TOKEN"] = managementToken,
                ["DATABASE_PATH"] = database,
                // A free port: a server may be running already.
                ["LISTEN_ADDR"] = "127.0.0.1:0",
                ["LOG_LEVEL"] = "warn",
            },
            stop);
        using var api = new ApiClient(server.Address, managementToken, Patience);

        var projects = (await api.ListAsync("manage/projects?limit=100", stop))
            .Select(static project => ApiView.Of(project, CliJson.Default.ProjectView));
        var project = projects.FirstOrDefault(project => project.Name == first.Name);
        if (project is not null && !await WantsNewTokenAsync(project, stop))
        {
            return Done();
        }

        if (project is null)
        {
            var key = first.ProviderKey
                ?? throw CommandFailure.Usage($"There is no project '{first.Name}' yet: give --openai-key to make it.");
            project = await FirstSteps.MakeProjectAsync(api, first.Name, key, stop);
        }

        var token = await FirstSteps.MakeTokenAsync(api, project.Id, first.Lifetime, stop);
        Report.Fields(
            _terminal,
            ("Project", $"{project.Name} ({project.Id})"),
            ("Token", token.Token ?? string.Empty),
            ("Expires", $"{Report.Time(token.ExpiresAt)} UTC"));
        _terminal.Note("Keep the token now: it is not shown again.");
        return Done();
    }

    private async Task<bool> WantsNewTokenAsync(ProjectView project, CancellationToken stop)
    {
        if (wishes.WantsNewToken)
        {
            return true;
        }

        _terminal.Note($"The project '{project.Name}' is there already ({project.Id}); it was not changed.");
        if (wishes.Asks)
        {
            return await _terminal.ConfirmAsync("Make another token for it?", byDefault: false, stop);
        }

        _terminal.Note("For another token, add --new-token.");
        return false;
    }

    private int Done()
    {
        var flag = wishes.File == place.PathOf(".env") ? string.Empty : $" --env {wishes.File}";
        _terminal.Note($"Start the server with: llm-proxy server{flag}");
        return ExitCode.Ok;
    }

    private async Task<string> AskAsync(string question, string byDefault, CancellationToken stop) =>
        wishes.Asks ? await _terminal.AskAsync(question, byDefault, stop) : byDefault;

    /// <summary>What is to be made; there is no key when the project is said to exist.</summary>
    private sealed class FirstProject(string name, string? providerKey, TimeSpan lifetime)
    {
        public string Name => name;

        public string? ProviderKey => providerKey;

        public TimeSpan Lifetime => lifetime;
    }
}
