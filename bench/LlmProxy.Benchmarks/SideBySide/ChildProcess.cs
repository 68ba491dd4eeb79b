using System.Collections.ObjectModel;
using System.Diagnostics;
using System.Globalization;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// A contestant's process as the kernel sees it: CPU time and peak memory, its direct children (nginx's worker)
/// included.
/// Disposing ends it.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const double TicksPerSecond = 100;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly string _log;

    private ChildProcess(Process process, string log) => (_process, _log) = (process, log);

    public bool HasExited => _process.HasExited;

    /// <summary>What it wrote, for the person who must find out why it does not answer.</summary>
    public string Output => File.Exists(_log) ? File.ReadAllText(_log) : "";

    /// <summary>User and system time up to now (proc(5), fields 14 and 15 of <c>stat</c>).</summary>
    public TimeSpan CpuTime => TimeSpan.FromSeconds(Family().Sum(CpuTicks) / TicksPerSecond);

    /// <summary>
    /// The largest <c>VmHWM</c> of the family, in MiB: pages that a fork shares are not counted twice.
    /// </summary>
    public double PeakMebibytes => Family().Max(static id => Kibibytes(id, "VmHWM:")) / 1024;

    /// <summary>What is resident now (<c>VmRSS</c>).</summary>
    public double ResidentMebibytes => Family().Max(static id => Kibibytes(id, "VmRSS:")) / 1024;

    /// <summary>Starts the program with its output in a file, so that nobody has to drain a pipe meanwhile.</summary>
    public static ChildProcess Start(
        string program,
        IEnumerable<string> arguments,
        string folder,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        // exec keeps the process id: the shell is gone before the program runs.
        var log = Path.Combine(folder, Path.GetFileName(program) + ".log");
        string[] shell = ["-c", "log=$1; shift; exec \"$@\" >\"$log\" 2>&1 </dev/null", "sh", log, program];
        var start = new ProcessStartInfo("/bin/sh", [.. shell, .. arguments]) { WorkingDirectory = folder };
        foreach (var (name, value) in environment ?? ReadOnlyDictionary<string, string>.Empty)
        {
            start.Environment[name] = value;
        }

        return new ChildProcess(
            Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start."), log);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using var signal = Process.Start("/bin/sh", ["-c", "kill -TERM \"$0\"", Text(_process.Id)]);
            await signal.WaitForExitAsync();
            using var patience = new CancellationTokenSource(Patience);
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static long CpuTicks(int id)
    {
        // The program's name, in parentheses, may hold spaces: fields are counted from behind it.
        var stat = File.ReadAllText($"/proc/{Text(id)}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return long.Parse(fields[11], CultureInfo.InvariantCulture)
            + long.Parse(fields[12], CultureInfo.InvariantCulture);
    }

    private static double Kibibytes(int id, string field)
    {
        var line = File.ReadLines($"/proc/{Text(id)}/status")
            .First(line => line.StartsWith(field, StringComparison.Ordinal));
        return double.Parse(
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private List<int> Family()
    {
        var id = _process.Id;
        var children = File.ReadAllText($"/proc/{Text(id)}/task/{Text(id)}/children");
        return children.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(child => int.Parse(child, CultureInfo.InvariantCulture))
            .Prepend(id)
            .ToList();
    }
}
