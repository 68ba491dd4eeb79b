#pragma warning disable
using System.Buffers;
using LlmProxy.Http;
using LlmProxy.Secrets;
using LlmProxy.Settings;
namespace LlmProxy.Http
{
    internal readonly struct RequestTarget
    {
        public string Raw { get; init; }
        private readonly int _q;
        public RequestTarget(string raw, int q) { Raw = raw; _q = q; }
        public ReadOnlySpan<char> RawPath => Raw.AsSpan(0, _q); public string Path => Raw[.._q]; public ReadOnlySpan<char> Query => Raw.AsSpan(_q);
        public static bool TryParse(string raw, out RequestTarget t) { var q = raw.IndexOf('?'); t = new(raw, q < 0 ? raw.Length : q); return raw.StartsWith('/'); }
    }
}
namespace LlmProxy.Providers
{
    internal sealed record ProviderTimeouts(TimeSpan Request, TimeSpan ResponseHeader, TimeSpan IdleConnection, TimeSpan StreamIdle);
    internal sealed record ProviderConnection(int IdleConnectionsMax);
    internal sealed class ProviderAuth { public bool IsBearer => true; public string HeaderName => "Authorization"; public string ValueFor(Secret s) => "Bearer " + s.Reveal(); }
    internal sealed class Provider { public string Name = "openai"; public string Origin = Environment.GetEnvironmentVariable("OPENAI_API_URL")!; public string BasePath = ""; public ProviderAuth Auth = new(); public RequestRules Rules = new(); public ProviderTimeouts Timeouts = new(TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(2), TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(120)); public ProviderConnection Connection = new(1000); }
    internal readonly record struct ProviderRoute(Provider Provider, int PrefixLength, bool EndpointIsAllowed);
    internal sealed class ProviderTable { private readonly Provider _p = new(); public IReadOnlyList<Provider> All => [_p]; public ProviderRoute? Find(in RequestTarget t) => new ProviderRoute(_p, 0, true); }
    internal sealed class RequestRules { public Refusal? JudgeHead(HttpRequest r, in ProviderRoute p) => null; public bool MustReadBody(HttpRequest r) => false; public Refusal? JudgeBody(HttpRequest r, ReadOnlySequence<byte> b) => null; }
    internal static class Cors { public static bool IsPreflight(HttpRequest r) => r.Method == "OPTIONS"; public static Task AnswerPreflightAsync(HttpContext h, ProviderRoute? r) => Task.CompletedTask; public static void Mark(HttpResponse r, HttpRequest q, Provider p) { } }
    internal sealed record ProviderOptions { public static ProviderOptions Read(SettingsReader s) => new(); }
    internal static class PF { public static void AddProviders(this IServiceCollection s, ProviderOptions o) { s.AddSingleton<ProviderTable>(); s.AddSingleton<ProviderClients>(); } }
}
namespace LlmProxy.Projects { internal sealed class Project { public Guid Id; public Secret ProviderKey = new("sk-xxxxxxxxxxxxxxxx"); } internal static class PF { public static void AddProjects(this IServiceCollection s) { } public static void MapProjects(this IEndpointRouteBuilder s) { } } }
namespace LlmProxy.Tokens
{
    internal sealed class Grant { public Guid TokenId; public Projects.Project Project = new(); public CancellationToken Revoked => C.Token; private CancellationTokenSource C = new(); }
    internal readonly record struct Admission(Grant? Grant, Refusal? Refusal, string? Reason);
    internal sealed class TokenGate
    {
        private readonly byte[] k = new byte[32]; private readonly Grant _g = new(); private readonly System.Collections.Concurrent.ConcurrentDictionary<UInt128, Grant> _d = new();
        public ValueTask<Admission> AdmitAsync(string s, CancellationToken c) { Span<byte> t = stackalloc byte[64]; Span<byte> h = stackalloc byte[32]; var n = System.Text.Encoding.UTF8.GetBytes(s, t); System.Security.Cryptography.HMACSHA256.HashData(k, t[..n], h); return new(new Admission(_g, null, null)); }
        public ValueTask<Refusal?> ReserveAsync(Grant g, CancellationToken c) => default; public void Release(Grant g) { }
    }
    internal static class PF { public static void AddTokens(this IServiceCollection s) { s.AddSingleton<TokenGate>(); } public static void MapTokens(this IEndpointRouteBuilder s) { } }
}
namespace LlmProxy.Limits { internal static class PF { public static void AddLimits(this IServiceCollection s) { } } }
namespace LlmProxy.Storage { internal sealed record StorageOptions { public static StorageOptions Read(SettingsReader s) => new(); } internal sealed class Database { public Task OpenAsync(CancellationToken c) => Task.CompletedTask; } internal static class PF { public static void AddStorage(this IServiceCollection s, StorageOptions o) { s.AddSingleton<Database>(); } } }
namespace LlmProxy.Secrets { internal sealed record SecretsOptions { public static SecretsOptions Read(SettingsReader s) => new(); } internal static class PF { public static void AddSecrets(this IServiceCollection s, SecretsOptions o) { } } }
namespace LlmProxy.Management { internal sealed record ManagementOptions { public static ManagementOptions Read(SettingsReader s) => new(); } internal static class PF { public static void AddManagement(this IServiceCollection s, ManagementOptions o) { } public static void UseManagement(this IApplicationBuilder s) { } public static void MapManagement(this IEndpointRouteBuilder s) { s.MapGet("/health", () => "ok"); } } }
namespace LlmProxy.Cli
{
    internal sealed record Entrypoints(Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<int>> RunServer, Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<RunningProgram>> StartServer, Func<string, CancellationToken, Task<RunningProgram>> StartSimulator);
    internal sealed class RunningProgram(Uri address, Task completion, IAsyncDisposable owner) : IAsyncDisposable { public Uri Address => address; public Task Completion => completion; public ValueTask DisposeAsync() => owner.DisposeAsync(); }
    internal static class CommandLine { public static Task<int> InvokeAsync(string[] a, Entrypoints e) => e.RunServer(new Dictionary<string, string?>(), default); }
}
namespace LlmProxy.Simulator { internal static class SimulatorProgram { public static Task<LlmProxy.Cli.RunningProgram> StartAsync(string a, CancellationToken c) => throw new NotImplementedException(); } }
