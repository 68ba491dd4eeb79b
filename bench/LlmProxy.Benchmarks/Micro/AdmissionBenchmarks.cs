using BenchmarkDotNet.Attributes;
using LlmProxy.Limits;
using LlmProxy.Tokens;

namespace LlmProxy.Benchmarks.Micro;

/// <summary>Step 2 and step 5 of the pipeline: who asks, and may they still spend?</summary>
public class AdmissionBenchmarks
{
    private readonly string _unknown = TokenSecret.Create().Reveal();
    private readonly string _malformed = TokenSecret.Create().Reveal()[..^1] + "-";

    private Parts _parts = null!;
    private TokenGate _gate = null!;
    private Grant _grant = null!;

    [GlobalSetup]
    public async Task AssembleAsync()
    {
        _parts = await Parts.AssembleAsync();
        _gate = _parts.Gate;

        // The first time both are looked up in the store; what is measured is every time after.
        _grant = (await _gate.AdmitAsync(_parts.Token, CancellationToken.None)).Grant!;
        await _gate.AdmitAsync(_unknown, CancellationToken.None);
    }

    [GlobalCleanup]
    public async Task CleanUpAsync() => await _parts.DisposeAsync();

    [Benchmark(Baseline = true)]
    public bool Admit_a_known_token() => Admits(_parts.Token);

    [Benchmark]
    public bool Refuse_a_token_known_to_be_unknown() => Admits(_unknown);

    [Benchmark]
    public bool Refuse_a_malformed_token() => Admits(_malformed);

    [Benchmark]
    public bool Check_the_form_and_checksum() => TokenSecret.IsWellFormed(_parts.Token);

    [Benchmark]
    public int Hash_the_secret() => _parts.Hasher.Hash(_parts.Token).GetHashCode();

    [Benchmark]
    public bool Reserve_one_request()
    {
        var reservation = new Reservation(_grant.Account, _grant.Project.Account);
        var entering = LimitGate.EnterAsync(reservation, CancellationToken.None);
        var isReserved = entering.IsCompletedSuccessfully && entering.Result is null;
        reservation.Leave();
        reservation.Settle(0, 0);
        return isReserved;
    }

    private bool Admits(string token)
    {
        var admitting = _gate.AdmitAsync(token, CancellationToken.None);
        return admitting.IsCompletedSuccessfully && admitting.Result.Grant is not null;
    }
}
