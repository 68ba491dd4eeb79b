using System.Runtime.InteropServices;

namespace LlmProxy.Limits;

/// <summary>The most that a request may use, as far as is known before it is forwarded.</summary>
/// <param name="Tokens">Prompt and completion together.</param>
/// <param name="Cost">Micro-dollars.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Demand(long Tokens, long Cost);

/// <summary>What one request holds of its token's account and of its project's.</summary>
/// <remarks>
/// <code>
///  Held ──► Left ──► Settled      it left for the provider: what it used is counted, once that is known
///    └───────────────► Released   it never did: everything is given back
/// </code>
/// </remarks>
/// <param name="token">The token's account.</param>
/// <param name="project">The account of its project.</param>
/// <param name="isTrial">Nobody uses the token: somebody wants to know what would happen.</param>
internal sealed class Reservation(Account token, Account project, bool isTrial = false)
{
    private const int Held = 0;
    private const int Settled = 1;
    private const int Released = 2;

    private int _state = Held;

    public Hold Token { get; } = new(token, isTrial);

    public Hold Project { get; } = new(project, isTrial);

    /// <summary>Nothing is reserved any more.</summary>
    public bool IsOver => Volatile.Read(ref _state) != Held;

    /// <summary>Nothing refuses the request any more.</summary>
    public void Commit()
    {
        Token.Commit();
        Project.Commit();
    }

    /// <summary>
    /// The request does not run any more, so others may. What it used may be counted later, on another thread.
    /// </summary>
    public void Leave()
    {
        Token.Leave();
        Project.Leave();
    }

    /// <summary>What was used is known. Only the first of this and <see cref="Release"/> has an effect.</summary>
    /// <param name="tokens">Prompt and completion together.</param>
    /// <param name="cost">Micro-dollars.</param>
    public void Settle(long tokens, long cost)
    {
        if (Interlocked.CompareExchange(ref _state, Settled, Held) == Held)
        {
            Token.Settle(tokens, cost);
            Project.Settle(tokens, cost);
        }
    }

    /// <summary>
    /// A part of what was used is known, and the request goes on: the worst case that was reserved is given up, and a
    /// new one may be reserved.
    /// </summary>
    public void SettlePart(long tokens, long cost)
    {
        Token.SettlePart(tokens, cost);
        Project.SettlePart(tokens, cost);
    }

    /// <summary>The request never left for the provider.</summary>
    public void Release()
    {
        if (Interlocked.CompareExchange(ref _state, Released, Held) == Held)
        {
            Token.Release();
            Project.Release();
        }
    }
}
