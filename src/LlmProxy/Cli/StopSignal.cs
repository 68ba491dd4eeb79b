using System.Runtime.InteropServices;

namespace LlmProxy.Cli;

/// <summary>
/// Ctrl-C and SIGTERM as a cancellation. The first one asks the command to end, a second one ends the process. While a
/// <see cref="Turn"/> is open, Ctrl-C stops only that.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource _command;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Lock _gate = new();
    private Turn? _turn;

    /// <summary>A signal that comes from <paramref name="outer"/> only.</summary>
    public StopSignal(CancellationToken outer) => _command = CancellationTokenSource.CreateLinkedTokenSource(outer);

    public CancellationToken Token => _command.Token;

    public static StopSignal OfProcess()
    {
        var signal = new StopSignal(CancellationToken.None);
        signal._registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, signal.Receive));
        signal._registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal.Receive));
        return signal;
    }

    /// <summary>Opens a part of the command that Ctrl-C can stop alone; it also ends with the command.</summary>
    public Turn Begin()
    {
        var turn = new Turn(this, CancellationTokenSource.CreateLinkedTokenSource(Token));
        lock (_gate)
        {
            _turn = turn;
        }

        return turn;
    }

    /// <summary>What a signal does; <paramref name="signal"/> tells whether a turn may take it for itself.</summary>
    public void Receive(PosixSignal signal)
    {
        lock (_gate)
        {
            if (signal == PosixSignal.SIGINT && _turn is { Source.IsCancellationRequested: false } turn)
            {
                turn.Source.Cancel();
                return;
            }
        }

        if (_command.IsCancellationRequested)
        {
            Environment.Exit(ExitCode.Interrupted);
        }

#pragma warning disable MA0045 // A signal handler cannot wait.
        _command.Cancel();
#pragma warning restore MA0045
    }

    public void Dispose()
    {
        _registrations.ForEach(static registration => registration.Dispose());
        _command.Dispose();
    }

    private void Receive(PosixSignalContext context)
    {
        context.Cancel = true;
        Receive(context.Signal);
    }

    private void End(Turn turn)
    {
        lock (_gate)
        {
            _turn = null;
            turn.Source.Dispose();
        }
    }

    /// <summary>A part of a command, such as one answer of a chat, until it is disposed.</summary>
    internal sealed class Turn(StopSignal signal, CancellationTokenSource source) : IDisposable
    {
        public CancellationToken Token => source.Token;

        internal CancellationTokenSource Source => source;

        public void Dispose() => signal.End(this);
    }
}
