namespace LlmProxy.Tests.Events.Redis;

/// <summary>The real clock, which can be put forward.</summary>
internal sealed class JumpingClock : TimeProvider
{
    private long _jumped;

    public void Jump(TimeSpan by) =>
        Interlocked.Add(ref _jumped, (long)(by.TotalSeconds * TimestampFrequency));

    public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _jumped);
}
