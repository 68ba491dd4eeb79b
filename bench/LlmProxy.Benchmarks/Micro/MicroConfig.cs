using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace LlmProxy.Benchmarks.Micro;

/// <summary>
/// Short runs inside this process: BenchmarkDotNet would otherwise generate a project, which this repository's build
/// rules refuse.
/// </summary>
internal static class MicroConfig
{
    public static IConfig Create() => new ManualConfig()
        .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
        .AddDiagnoser(MemoryDiagnoser.Default)
        .AddColumnProvider(DefaultColumnProviders.Instance)
        .AddLogger(ConsoleLogger.Default)
        .AddExporter(MarkdownExporter.GitHub)
        .WithArtifactsPath("artifacts/bench/micro");
}
