#pragma warning disable
using System.Buffers;
using LlmProxy.Http;
using LlmProxy.Secrets;
using LlmProxy.Settings;
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
namespace LlmProxy.Storage { internal sealed record StorageOptions { public static StorageOptions Read(SettingsReader s) => new(); } internal sealed class Database { public Task OpenAsync(CancellationToken c) => Task.CompletedTask; public Task CheckAsync(CancellationToken c) => Task.CompletedTask; } internal static class PF { public static void AddStorage(this IServiceCollection s, StorageOptions o) { s.AddSingleton<Database>(); } } }
namespace LlmProxy.Secrets { internal sealed record SecretsOptions { public static SecretsOptions Read(SettingsReader s) => new(); } internal static class PF { public static void AddSecrets(this IServiceCollection s, SecretsOptions o) { } } }
namespace LlmProxy.Cli
{
    internal sealed record Entrypoints(Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<int>> RunServer, Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<RunningProgram>> StartServer, Func<string, CancellationToken, Task<RunningProgram>> StartSimulator);
    internal sealed class RunningProgram(Uri address, Task completion, IAsyncDisposable owner) : IAsyncDisposable { public Uri Address => address; public Task Completion => completion; public ValueTask DisposeAsync() => owner.DisposeAsync(); }
    internal static class CommandLine { public static Task<int> InvokeAsync(string[] a, Entrypoints e) => e.RunServer(new Dictionary<string, string?>(), default); }
}
namespace LlmProxy.Simulator { internal static class SimulatorProgram { public static Task<LlmProxy.Cli.RunningProgram> StartAsync(string a, CancellationToken c) => throw new NotImplementedException(); } }
