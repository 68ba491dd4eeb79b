using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Storage;
using LlmProxy.Tokens;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Storage;

/// <summary>A folder for one database, which several instances may open.</summary>
internal sealed class DatabaseFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("llm-proxy-tests-");

    public string DatabasePath => Path.Combine(_folder.FullName, "data", "test.db");

    public string KeyPath => DatabasePath + ".key";

    public void Dispose() => _folder.Delete(recursive: true);
}

/// <summary>
/// The token side of one instance of the program on a real database. Nothing happens in the background unless a test
/// moves the clock; disposing it is like killing it, because nothing is settled.
/// </summary>
internal sealed class Instance : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private Instance(ServiceProvider services, FakeTimeProvider clock) => (_services, Clock) = (services, clock);

    public FakeTimeProvider Clock { get; }

    public Database Database => Get<Database>();

    public TokenGate Gate => Get<TokenGate>();

    public TokenIssuer Issuer => Get<TokenIssuer>();

    public ProjectDirectory Projects => Get<ProjectDirectory>();

    public LeaseOffice Leases => Get<LeaseOffice>();

    public ChangeWatch Watch => _services.GetServices<IHostedService>().OfType<ChangeWatch>().Single();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public static async Task<Instance> StartAsync(
        DatabaseFolder folder, FakeTimeProvider? clock = null, SecretsOptions? secrets = null, int grantsMax = 1_000)
    {
        clock ??= new FakeTimeProvider(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<TimeProvider>(clock)
            .AddStorage(new StorageOptions(folder.DatabasePath))
            .AddSecrets(secrets ?? new SecretsOptions(null, null))
            .AddProjects()
            .AddLimits(LimitsOptions.None)
            .AddTokens()
            .AddSingleton(provider => new TokenGate(
                provider.GetRequiredService<TokenStore>(), provider.GetRequiredService<TokenHasher>(),
                provider.GetRequiredService<LiveProjects>(), provider.GetRequiredService<LeaseOffice>(), clock)
            {
                GrantsMax = grantsMax,
            })
            .BuildServiceProvider();
        var instance = new Instance(services, clock);
        try
        {
            await instance.Database.OpenAsync(Aborted);
            await instance.Get<KeyRing>().OpenAsync(Aborted);
            await instance.Projects.ResealAsync();
            await instance.Watch.StartAsync(Aborted);
            return instance;
        }
        catch
        {
            await services.DisposeAsync();
            throw;
        }
    }

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public async Task<Guid> GivenAProjectAsync(string name = "research",
        string providerKey = "sk-provider-key-0123456789")
    {
        var outcome = await Projects.CreateAsync(name, new Secret(providerKey));
        return outcome.Row!.Id;
    }

    /// <summary>A token of a new project.</summary>
    public async Task<TestToken> GivenATokenAsync(long? maxRequests = null, TimeSpan? lifetime = null) =>
        await GivenATokenAsync(await GivenAProjectAsync($"project of {Guid.CreateVersion7()}"), maxRequests, lifetime);

    public async Task<TestToken> GivenATokenAsync(Guid project, long? maxRequests = null, TimeSpan? lifetime = null)
    {
        var issued = await Issuer.IssueAsync(new TokenOrder(
            project, Clock.GetUtcNow() + (lifetime ?? TimeSpan.FromHours(1)),
            new LimitChange { MaxRequests = maxRequests }));
        return new TestToken(issued.Row!.Id, project, issued.Secret!);
    }

    public async Task<Admission> AdmitAsync(TestToken token) => await Gate.AdmitAsync(token.Secret.Reveal(), Aborted);

    public async Task<Grant> GrantOfAsync(TestToken token) => (await AdmitAsync(token)).Grant!;

    /// <summary>Reserves requests until there are none; answers how many there were.</summary>
    public async Task<int> SpendAllAsync(TestToken token)
    {
        var spent = 0;
        while (await TrySpendAsync(token))
        {
            spent++;
        }

        return spent;
    }

    /// <summary>Whether one request could be reserved.</summary>
    public async Task<bool> TrySpendAsync(TestToken token)
    {
        var (reservation, refusal) = await EnterAsync(token);
        if (refusal is null)
        {
            reservation.Leave();
            reservation.Settle(0, 0);
        }

        return refusal is null;
    }

    /// <summary>One request's way through the limits, up to where it would be forwarded.</summary>
    public async Task<(Reservation Reservation, Refusal? Refusal)> EnterAsync(TestToken token) =>
        await EnterAsync(await GrantOfAsync(token), Aborted);

    public static async Task<(Reservation Reservation, Refusal? Refusal)> EnterAsync(
        Grant grant, CancellationToken aborted)
    {
        var reservation = new Reservation(grant.Account, grant.Project.Account);
        var refusal = await LimitGate.EnterAsync(reservation, aborted);
        if (refusal is null)
        {
            reservation.Commit();
        }

        return (reservation, refusal);
    }

    public async Task<TokenRow> RowOfAsync(TestToken token) =>
        (await Issuer.FindAsync(token.Id.ToString(), Aborted))!;

    /// <summary>Stops as the server does when no request runs any more.</summary>
    public Task StopAsync() => Leases.StopAsync(Aborted);

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}

/// <summary>A token with everything that a test needs to use it.</summary>
internal sealed class TestToken(Guid id, Guid project, Secret secret)
{
    public Guid Id => id;

    public Guid Project => project;

    public Secret Secret => secret;
}
