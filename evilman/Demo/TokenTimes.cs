namespace Evilman.Demo;

/// <summary>How long the story of a paid machine takes. A token is what an idle machine costs in about a second.</summary>
/// <param name="First">Tokens that the first machine begins with.</param>
/// <param name="More">What home buys at a time.</param>
/// <param name="Second">Tokens of the machine that the guest moves to, which home pays no more.</param>
/// <param name="Other">Tokens of the machine that is given back half-way.</param>
/// <param name="Low">Seconds left from which on more is asked for.</param>
/// <param name="Last">Seconds left from which on the end is near.</param>
/// <param name="Interval">Seconds between home's own looks: so rarely that machines call first.</param>
/// <param name="Grace">Seconds that the nodes let a machine run unpaid.</param>
internal sealed record TokenTimes(int First, int More, int Second, int Other, int Low, int Last,
    int Interval, int Grace)
{
    internal static TokenTimes Full { get; } = new(25, 15, 25, 16, 12, 5, 6, 6);

    internal static TokenTimes Brief { get; } = new(6, 5, 6, 4, 4, 2, 2, 1);
}
