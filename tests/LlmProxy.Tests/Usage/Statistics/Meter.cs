using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Storage;
using LlmProxy.Tests.Management;
using LlmProxy.Tests.Storage;
using LlmProxy.Usage;
using LlmProxy.Usage.Prices;
using LlmProxy.Usage.Statistics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Usage.Statistics;

/// <summary>
/// The statistics of one instance of the program on a real database. Nothing happens in the background unless a test
/// starts it; disposing it is like killing it, because nothing is flushed.
/// </summary>
internal sealed class Meter : IAsyncDisposable
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    public static readonly Guid Token = Guid.Parse("0199c0de-9b2c-7d4e-9f50-6b7c8d9e0f1a");

    private readonly ServiceProvider _services;
    private readonly LogLines _log = new();

    private Meter(DatabaseFolder folder, FakeTimeProvider clock, TimeSpan retention)
    {
        Clock = clock;
        _services = new ServiceCollection()
            .AddLogging(logging => logging.AddProvider(_log))
            .AddSingleton<TimeProvider>(clock)
            .AddStorage(new StorageOptions(folder.DatabasePath))
            .AddSecrets(new SecretsOptions(null, null))
            .AddLimits(LimitsOptions.None)
            .AddProjects()
            .AddUsage(new UsageOptions(new PriceTable(default, []), retention))
            .BuildServiceProvider();
    }

    public FakeTimeProvider Clock { get; }

    public Guid Project { get; private set; }

    public UsageStatistics Statistics => _services.GetRequiredService<UsageStatistics>();

    public UsageStore Store => _services.GetRequiredService<UsageStore>();

    public Database Database => _services.GetRequiredService<Database>();

    public ProjectDirectory Projects => _services.GetRequiredService<ProjectDirectory>();

    public IReadOnlyCollection<string> Log => _log.Lines;

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public static async Task<Meter> StartAsync(DatabaseFolder folder, TimeSpan? retention = null)
    {
        var meter = new Meter(folder, new FakeTimeProvider(Noon), retention ?? TimeSpan.FromDays(400));
        await meter.Database.OpenAsync(Aborted);
        await meter._services.GetRequiredService<KeyRing>().OpenAsync(Aborted);
        meter.Project = await meter.GivenAProjectAsync($"project {Guid.CreateVersion7()}");
        return meter;
    }

    public async Task<Guid> GivenAProjectAsync(string name) =>
        (await Projects.CreateAsync(name, new Secret("sk-provider-key-0123456789"))).Row!.Id;

    /// <summary>An exchange that is plain in every respect.</summary>
    public ExchangeUsage Exchange(DateTimeOffset? time = null) => new(
        (time ?? Noon).ToUnixTimeMilliseconds(), Project, Token, "openai", "gpt-4o",
        new UsageReport(UsageSource.Reported, 10, 5), 75, IsRefused: false, 200);

    /// <summary>The sums of a table, all in one row.</summary>
    public async Task<UsageRow> SumAsync(UsageInterval table) =>
        (await RowsAsync(table, new UsageQuery())).SingleOrDefault(new UsageRow());

    public Task<List<UsageRow>> RowsAsync(UsageInterval table, UsageQuery query) =>
        Store.SumAsync(table, query with { To = long.MaxValue, Limit = 100_000 }, Aborted);

    /// <summary>The number of rows that a table has.</summary>
    public async Task<int> CountAsync(UsageInterval table) => (await RowsAsync(table, new UsageQuery
    {
        ByStart = true,
        ByProject = true,
        ByToken = true,
        ByProvider = true,
        ByModel = true,
    })).Count;

    /// <summary>From now on the store refuses every batch, until it is mended.</summary>
    public Task BreakAsync() => RunAsync("ALTER TABLE usage_days RENAME TO usage_days_away");

    public Task MendAsync() => RunAsync("ALTER TABLE usage_days_away RENAME TO usage_days");

    public Task<int> RunAsync(string statement) =>
        Database.WriteAsync((connection, _) => Sql.Run(connection, statement));

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
