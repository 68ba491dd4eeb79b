using System.Diagnostics;

namespace LlmProxy.Benchmarks.Load;

/// <summary>Runs a short-lived program to its end and gives back what it wrote to standard output.</summary>
internal static class ChildCommand
{
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken aborted)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false };
        using var process = Process.Start(start)
            ?? throw new InvalidOperationException($"{program} did not start.");
        var output = await process.StandardOutput.ReadToEndAsync(aborted);
        await process.WaitForExitAsync(aborted);
        return output;
    }
}
